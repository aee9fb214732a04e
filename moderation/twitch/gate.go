package twitch

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Bounds of a wait after 429.
const (
	gateFirst  = time.Second      // without a Reset, doubled with each 429 in a row
	gateLast   = time.Minute      // and no longer than this
	gateReset  = 15 * time.Minute // a Reset further away is taken for a wrong clock's
	gateSpread = 250 * time.Millisecond
	gateMany   = 1024 // how many are kept before those that are over are dropped
)

// gates hold back requests for one broadcaster after Twitch said 429 for it: the
// ban limit is per broadcaster, whatever Ratelimit-Remaining says.
type gates struct {
	now func() time.Time

	mu    sync.Mutex
	until map[string]gate
}

type gate struct {
	until time.Time
	row   int // 429s one after another
}

// wait returns when the gate is open, or how long it stays shut past the deadline.
func (g *gates) wait(ctx context.Context, broadcaster string) (shut time.Duration, err error) {
	for {
		g.mu.Lock()
		left := g.until[broadcaster].until.Sub(g.now())
		g.mu.Unlock()
		if left <= 0 {
			return 0, nil
		}
		if deadline, ok := ctx.Deadline(); ok && !g.now().Add(left).Before(deadline) {
			return left, nil
		}
		// The spread keeps those who wait from going through all at once.
		if err := sleep(ctx, left+rand.N(gateSpread)); err != nil {
			return 0, err
		}
	}
}

// close shuts the gate as an answer with 429 says.
func (g *gates) close(broadcaster string, header http.Header) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if g.until == nil {
		g.until = map[string]gate{}
	}
	if len(g.until) >= gateMany {
		for b, old := range g.until {
			if now.After(old.until.Add(gateLast)) {
				delete(g.until, b)
			}
		}
	}
	at := g.until[broadcaster]
	at.row++
	until, told := resetOf(header, now)
	if !told {
		until = now.Add(min(gateLast, gateFirst<<min(at.row-1, 10)))
	}
	if until.After(at.until) {
		at.until = until
	}
	g.until[broadcaster] = at
}

// opened forgets the 429s in a row.
func (g *gates) opened(broadcaster string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at, ok := g.until[broadcaster]; ok && !at.until.After(g.now()) {
		delete(g.until, broadcaster)
	}
}

// resetOf is when Twitch takes requests again, by its own word: Ratelimit-Reset in
// epoch seconds, or a Retry-After that a stand-in sends. One that is past or absurd
// says nothing.
func resetOf(header http.Header, now time.Time) (time.Time, bool) {
	if s, err := strconv.ParseInt(header.Get("Ratelimit-Reset"), 10, 64); err == nil {
		if at := time.Unix(s, 0); at.After(now) && at.Before(now.Add(gateReset)) {
			return at, true
		}
	}
	if s, err := strconv.ParseInt(header.Get("Retry-After"), 10, 32); err == nil && s > 0 {
		if wait := time.Duration(s) * time.Second; wait < gateReset {
			return now.Add(wait), true
		}
	}
	return time.Time{}, false
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
