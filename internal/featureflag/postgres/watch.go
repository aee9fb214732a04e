package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Between two tries to connect again.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// Watch listens on a connection of its own and reads the table after every
// notification, after every pause without one, and after every new connection:
// what was told while there was none is not lost.
func (s *Store) Watch(ctx context.Context, report func(featureflag.State, error)) {
	pause := firstPause
	for ctx.Err() == nil {
		heard, err := s.listen(ctx, report)
		if ctx.Err() != nil {
			return
		}
		if heard {
			pause = firstPause
		}
		report(nil, err)
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, longestPause)
	}
}

// listen reports until the connection is lost; heard says whether there was a good
// state before that.
func (s *Store) listen(ctx context.Context, report func(featureflag.State, error)) (heard bool, err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return false, err
	}
	defer part(ctx, conn)
	// First listen, then read: what changes in between is told.
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{Channel}.Sanitize()); err != nil {
		return false, explain(err)
	}
	var last featureflag.State
	for {
		state, err := read(ctx, conn)
		if err != nil {
			return heard, err
		}
		if !heard || !same(last, state) {
			report(state, nil)
			last, heard = state, true
		}
		if err := s.wait(ctx, conn); err != nil {
			return heard, err
		}
	}
}

// wait waits for a notification, at most as long as a poll.
func (s *Store) wait(ctx context.Context, conn *pgx.Conn) error {
	// Instances that started together do not ask together.
	until, cancel := context.WithTimeout(ctx, s.poll-s.poll/4+rand.N(s.poll/4+1))
	defer cancel()
	_, err := conn.WaitForNotification(until)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err == nil {
		drain(ctx, conn)
	}
	return err
}

// drain drops the notifications that are here already: one read answers all.
func drain(ctx context.Context, conn *pgx.Conn) {
	now, cancel := context.WithCancel(ctx)
	cancel() // what is not here yet is not waited for
	for {
		if _, err := conn.WaitForNotification(now); err != nil {
			return
		}
	}
}

func same(a, b featureflag.State) bool {
	if len(a) != len(b) {
		return false
	}
	for key, f := range a {
		if g, ok := b[key]; !ok || f.Version != g.Version || !f.Same(g) {
			return false
		}
	}
	return true
}
