package notify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// longestBackoff bounds the doubling.
	longestBackoff = time.Minute
	// longestWait bounds what a channel may ask for with Retry-After.
	longestWait = time.Hour
	// grace is how long a channel may take to notice that its time is up.
	grace = time.Second
)

// Queue brings messages to channels. Each channel has a goroutine of its own, so one
// that hangs holds up no other.
type Queue struct {
	o     Options
	lanes []*lane
	stop  context.CancelFunc
	ended chan struct{} // all goroutines have

	mu      sync.Mutex
	limiter limiter
	closed  bool
}

// New is a queue that sends until Close.
func New(channels []Channel, o Options) *Queue {
	o = o.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	q := &Queue{o: o, stop: stop, ended: make(chan struct{}), limiter: limiter{every: o.Every, last: map[string]*told{}}}
	var running sync.WaitGroup
	for _, c := range channels {
		l := newLane(c, o.Size)
		q.lanes = append(q.lanes, l)
		running.Go(func() { q.run(ctx, l) })
	}
	go func() {
		defer close(q.ended)
		running.Wait()
	}()
	return q
}

// Post has the message sent by every channel, and never waits. Of messages with the
// same key one is sent in Options.Every; the others are counted, and the next one says
// how many they were. A page is always sent, and so is what is more urgent than what
// was sent last. After Close nothing is sent any more.
func (q *Queue) Post(m Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.o.Now()
	held, ok := q.limiter.admit(m, now)
	if q.closed || !ok {
		return
	}
	if m.At.IsZero() {
		m.At = now
	}
	m.Facts, m.Tags = slices.Clone(m.Facts), slices.Clone(m.Tags)
	m = q.o.Templates.fill(m)
	if held > 0 {
		m.Facts = append(m.Facts, Fact{"Held back before this", strconv.Itoa(held)})
	}
	for _, l := range q.lanes {
		l.put(m)
	}
}

// Close sends what is left, until ctx ends. The error says how many messages were not
// sent by then.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	for _, l := range q.lanes {
		l.close()
	}
	q.mu.Unlock()
	defer q.stop()
	select {
	case <-q.ended:
		return nil
	case <-ctx.Done():
	}
	var left []string
	for _, l := range q.lanes {
		if n := l.left(); n > 0 {
			left = append(left, fmt.Sprintf("%s %d", l.channel, n))
		}
	}
	q.stop()
	select {
	case <-q.ended:
	case <-time.After(grace):
	}
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("the time to send notifications is over; not sent: %s", strings.Join(left, ", "))
}

// run sends what comes into the lane until no more will.
func (q *Queue) run(ctx context.Context, l *lane) {
	if c, ok := l.channel.(interface{ close() }); ok {
		defer c.close()
	}
	for ctx.Err() == nil {
		m, lost, ok, ended := l.next()
		if ended {
			return
		}
		if !ok {
			select {
			case <-ctx.Done():
			case <-l.wake:
			}
			continue
		}
		err := q.deliver(ctx, l.channel, m)
		l.sent(lost, err)
		if err != nil {
			q.o.OnError(l.channel.String(), err)
		} else if m.Sent != nil {
			m.Sent(l.channel.String())
		}
	}
}

// deliver sends one message, again while that may help.
func (q *Queue) deliver(ctx context.Context, c Channel, m Message) error {
	for attempt := 0; ; attempt++ {
		err := q.attempt(ctx, c, m)
		if err == nil {
			return nil
		}
		var f *failure
		if known := errors.As(err, &f); attempt >= q.o.Retries || (known && f.final) {
			return fmt.Errorf("%q was not delivered: %w", m.Title, err)
		}
		wait := min(q.o.Backoff<<min(attempt, 16), longestBackoff)
		wait += rand.N(wait/4 + 1) // several that were refused together do not come again together
		if f != nil {
			wait = max(wait, min(f.after, longestWait))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%q was not delivered: %w", m.Title, err)
		case <-time.After(wait):
		}
	}
}

func (q *Queue) attempt(ctx context.Context, c Channel, m Message) error {
	ctx, stop := context.WithTimeout(ctx, q.o.Timeout)
	defer stop()
	return c.Send(ctx, m)
}
