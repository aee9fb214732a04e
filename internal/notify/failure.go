package notify

import "time"

// failure is why a message was not taken, with what that means for the next attempt.
type failure struct {
	reason string
	after  time.Duration // not before; from Retry-After
	final  bool          // the same message will be refused again
}

func (f *failure) Error() string { return f.reason }
