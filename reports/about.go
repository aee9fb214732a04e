package reports

import (
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// aboutRun returns what a report says of a run besides its steps.
func aboutRun(run *ops.Run) []ops.Fact {
	all := []ops.Fact{
		{Name: "environment", Value: run.Environment},
		{Name: "database", Value: Database(run.Database)},
		{Name: "release", Value: run.Release},
		{Name: "operator", Value: operatorOf(run)},
		{Name: "started", Value: run.Started.UTC().Format("2006-01-02 15:04:05 UTC") + ", took " + Duration(run.Took)},
		{Name: "results", Value: tally(ops.Count(run.Results()))},
		{Name: "exit code", Value: exitCodeWords(run.ExitCode())},
		{Name: "run", Value: run.ID},
		{Name: "clipperops", Value: run.Version},
	}
	var known []ops.Fact
	for _, f := range all {
		if f.Value != "" {
			known = append(known, f)
		}
	}
	return known
}

func operatorOf(run *ops.Run) string {
	if run.Host == "" || strings.Contains(run.Operator, "@") {
		return run.Operator
	}
	return run.Operator + "@" + run.Host
}

func exitCodeWords(code ops.ExitCode) string {
	for _, row := range ops.ExitCodes {
		if row.Code == code {
			return Count(int64(code)) + ": " + row.Means
		}
	}
	return Count(int64(code))
}

// outcomeWords says an outcome to a person.
func outcomeWords(o ops.Outcome) string {
	switch o {
	case ops.OutcomePass:
		return "passed"
	case ops.OutcomeWarn:
		return "passed with warnings"
	case ops.OutcomeFail:
		return "failed"
	case ops.OutcomeInconclusive:
		return "cannot tell yet"
	default:
		return string(o)
	}
}

// stepWords says how a step went to a person.
func stepWords(s *ops.Step) string {
	switch {
	case s.Err != nil:
		return ending(s.Err)
	case len(s.Results) == 0:
		return "done"
	}
	return tally(ops.Count(s.Results))
}

// fileFacts says the size and checksum of a file, where they are known.
func fileFacts(a ops.Artifact, code func(string) string) string {
	text := ""
	if a.Bytes > 0 {
		text += ", " + Bytes(a.Bytes)
	}
	if a.SHA256 != "" {
		text += ", sha256 " + code(a.SHA256)
	}
	return text
}
