package twitch

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"
)

// When an upstream is left alone, and for how long.
const (
	breakerWindow   = 30 * time.Second // failures older than this are forgotten
	breakerOpen     = 10 * time.Second // how long nothing is sent
	breakerRow      = 5                // failures one after another that open it
	breakerRequests = 20               // with as many requests in the window …
	breakerRatio    = 0.5              // … this share of failures opens it
)

var (
	errFailed = errors.New("the upstream failed")       // counts
	errGaveUp = errors.New("the caller ended the call") // says nothing about the upstream
)

// newBreaker counts what the upstream failed to do: 5xx, timeouts, connections
// refused and lost. What it refused, 4xx and 429, are answers.
func newBreaker(name string) *gobreaker.CircuitBreaker[answer] {
	return gobreaker.NewCircuitBreaker[answer](gobreaker.Settings{
		Name:     name,
		Interval: breakerWindow,
		Timeout:  breakerOpen,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			return n.ConsecutiveFailures >= breakerRow ||
				(n.Requests >= breakerRequests && float64(n.TotalFailures) >= breakerRatio*float64(n.Requests))
		},
		IsSuccessful: func(err error) bool { return err == nil },
		IsExcluded:   func(err error) bool { return errors.Is(err, errGaveUp) },
	})
}

func isOpen(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}
