package ops

import "errors"

// Failure is an error made for the person who reads it at 3 a.m.: what
// happened, what is true now, and what to type next.
type Failure struct {
	// Code is the exit code this failure leads to; zero means: that of Err.
	Code ExitCode
	// What happened, in one line without a trailing period.
	What string
	// Detail is shown indented under What: the server's message, an excerpt, blockers.
	Detail []string
	// State says what is true now, one statement a line.
	State []string
	// Next is what to do, preferably commands.
	Next []string
	// Err is the cause, for errors.Is and errors.As.
	Err error
}

// Error returns What, or the cause's text where What is empty.
func (f *Failure) Error() string {
	if f.What == "" && f.Err != nil {
		return f.Err.Error()
	}
	return f.What
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// AsFailure returns err as a Failure with its exit code settled: the outermost
// Failure it wraps, or a bare one with the error's text.
func AsFailure(err error) *Failure {
	if err == nil {
		return nil
	}
	var f *Failure
	if errors.As(err, &f) {
		settled := *f
		settled.Code = CodeOf(err)
		if settled.Code == ExitFailed && f.Code == ExitDone && f.Err != nil {
			settled.Code = CodeOf(f.Err)
		}
		settled.What = f.Error()
		return &settled
	}
	return &Failure{Code: CodeOf(err), What: err.Error(), Err: err}
}
