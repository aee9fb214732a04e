package ops

import (
	"context"
	"errors"
)

// ExitCode is the process's answer to the shell. The table ExitCodes is the
// only place where codes and meanings meet; help, docs and tests read it.
type ExitCode int

// The exit codes of every command.
const (
	ExitDone         ExitCode = 0
	ExitFailed       ExitCode = 1
	ExitUsage        ExitCode = 2
	ExitChecks       ExitCode = 3
	ExitRefused      ExitCode = 4
	ExitInconclusive ExitCode = 5
	ExitBusy         ExitCode = 6
	ExitInterrupted  ExitCode = 130
)

// Outcome is the verdict of a whole Run, as the machine-readable contract names it.
type Outcome string

// The outcomes of a Run.
const (
	OutcomePass         Outcome = "pass"
	OutcomeWarn         Outcome = "warn"
	OutcomeFail         Outcome = "fail"
	OutcomeRefused      Outcome = "refused"
	OutcomeInconclusive Outcome = "inconclusive"
	OutcomeBusy         Outcome = "busy"
	OutcomeInterrupted  Outcome = "interrupted"
)

// ExitCodeMeaning is one row of the table of exit codes.
type ExitCodeMeaning struct {
	Code    ExitCode
	Outcome Outcome
	Means   string
}

// ExitCodes lists every exit code with the outcome it stands for.
var ExitCodes = []ExitCodeMeaning{
	{ExitDone, OutcomePass, "done; warnings allowed"},
	{ExitFailed, OutcomeFail, "the operation failed; the report says what state everything is in"},
	{ExitUsage, OutcomeFail, "usage or configuration; nothing was touched"},
	{ExitChecks, OutcomeFail, "checks failed (preflight, validate, gate, health, smoke), or schemas differ"},
	{ExitRefused, OutcomeRefused, "refused: not confirmed, or a safety rule says no"},
	{ExitInconclusive, OutcomeInconclusive, "cannot tell yet (a gate without enough data, a metrics server that does not answer)"},
	{ExitBusy, OutcomeBusy, "busy: another operator holds the lock"},
	{ExitInterrupted, OutcomeInterrupted, "interrupted; the report says what state everything is in"},
}

// Outcome returns the outcome an exit code stands for.
func (c ExitCode) Outcome() Outcome {
	for _, row := range ExitCodes {
		if row.Code == c {
			return row.Outcome
		}
	}
	return OutcomeFail
}

// CodeOf maps an error to its exit code: that of the Failure it wraps,
// ExitInterrupted for a cancelled context, ExitFailed otherwise.
func CodeOf(err error) ExitCode {
	if err == nil {
		return ExitDone
	}
	var f *Failure
	if errors.As(err, &f) && f.Code != ExitDone {
		return f.Code
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	return ExitFailed
}
