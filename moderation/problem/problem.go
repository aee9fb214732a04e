package problem

import (
	"fmt"
	"time"
)

// Problem is an error as a client sees it.
type Problem struct {
	Code    Code
	Status  int           // HTTP; that of the code unless it is set otherwise
	Message string        // one sentence for people: what happened
	Detail  string        // what exactly, or what to do; "" when there is no more to say
	Retry   time.Duration // when it may be tried again, rounded up to seconds; 0 = not said
	cause   error         // never shown to a client
}

// New is a problem with the code's own status. The message is formatted as by
// fmt.Sprintf and is shown to the client: it must hold no secret.
func New(code Code, message string, args ...any) *Problem {
	return &Problem{Code: code, Status: code.Status(), Message: fmt.Sprintf(message, args...)}
}

// WithDetail adds what exactly is wrong, or what to do.
func (p *Problem) WithDetail(detail string, args ...any) *Problem {
	c := *p
	c.Detail = fmt.Sprintf(detail, args...)
	return &c
}

// WithStatus sets a status that is not the code's own: 403 for somebody who is
// known here, but has no linked Twitch account.
func (p *Problem) WithStatus(status int) *Problem {
	c := *p
	c.Status = status
	return &c
}

// WithRetry says after how long it may be tried again.
func (p *Problem) WithRetry(after time.Duration) *Problem {
	c := *p
	c.Retry = after
	return &c
}

// Because keeps the error behind the problem, for the log.
func (p *Problem) Because(err error) *Problem {
	c := *p
	c.cause = err
	return &c
}

// Error is for the log: with the cause.
func (p *Problem) Error() string {
	text := string(p.Code) + ": " + p.Message
	if p.Detail != "" {
		text += " (" + p.Detail + ")"
	}
	if p.cause != nil {
		text += ": " + p.cause.Error()
	}
	return text
}

// Unwrap is the cause, nil when there is none.
func (p *Problem) Unwrap() error { return p.cause }

// RetrySeconds is the value of Retry-After: Retry rounded up to whole seconds, at
// least 1; 0 when nothing is to be said.
func (p *Problem) RetrySeconds() int {
	if p.Retry <= 0 {
		return 0
	}
	return int((p.Retry + time.Second - 1) / time.Second)
}
