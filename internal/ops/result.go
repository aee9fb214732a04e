package ops

import "time"

// Fact is one piece of evidence under a Result: what was measured and what it was.
type Fact struct {
	Name  string
	Value string
	// Literal says that Value is to be copied as it stands: SQL of several lines, which
	// means something else with its lines broken or moved.
	Literal bool
}

// Result is the outcome of one Check, or one finding of a Step. Every warn and
// fail carries evidence and a fix the operator can type.
type Result struct {
	// ID is stable: it anchors docs/checks.md and names the JUnit case.
	ID string
	// Title says what was checked, independent of the outcome.
	Title  string
	Status Status
	// Summary says what was found, in one line.
	Summary  string
	Evidence []Fact
	// Fix is what to do about a warn or fail, preferably a command.
	Fix string
	// Err is set when the check itself could not run; Status is then StatusFail.
	Err  error
	Took time.Duration
}

// Pass is a Result that found nothing to complain about.
func Pass(summary string, evidence ...Fact) Result {
	return Result{Status: StatusPass, Summary: summary, Evidence: evidence}
}

// Warn is a Result that does not stop anything but should be read.
func Warn(summary, fix string, evidence ...Fact) Result {
	return Result{Status: StatusWarn, Summary: summary, Fix: fix, Evidence: evidence}
}

// Fail is a Result that must be dealt with before going on.
func Fail(summary, fix string, evidence ...Fact) Result {
	return Result{Status: StatusFail, Summary: summary, Fix: fix, Evidence: evidence}
}

// Skip is a Result of a check that does not apply here; reason says why.
func Skip(reason string) Result {
	return Result{Status: StatusSkip, Summary: reason}
}

// Broken is a Result of a check that could not run. It is a failure: not
// knowing is never a pass.
func Broken(err error, fix string) Result {
	return Result{Status: StatusFail, Summary: "could not be checked: " + err.Error(), Fix: fix, Err: err}
}
