package notify

import "time"

// Options are how a Queue sends.
type Options struct {
	Every     time.Duration                   // at most one message of a key in this time; default 5 minutes, negative: no limit
	Retries   int                             // how often a message is sent again that failed; default 3, negative: never
	Backoff   time.Duration                   // before the first time, doubled for each further one; default 1 second
	Timeout   time.Duration                   // for one attempt; default 10 seconds
	Size      int                             // how many messages wait for one channel at most; default 100
	Templates *Parsed                         // default: messages' own texts
	Now       func() time.Time                // default time.Now
	OnError   func(channel string, err error) // told of each message that did not arrive, and why; called by several goroutines
}

func (o Options) withDefaults() Options {
	if o.Every == 0 {
		o.Every = 5 * time.Minute
	}
	if o.Retries == 0 {
		o.Retries = 3
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Size <= 0 {
		o.Size = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnError == nil {
		o.OnError = func(string, error) {}
	}
	return o
}
