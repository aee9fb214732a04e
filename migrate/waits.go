package migrate

import (
	"fmt"
	"slices"
	"time"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// waits adds up how long one transaction has waited for locks. lock_timeout bounds
// each wait alone; but who wants the first lock waits through all of them, for it is
// held while the others are waited for. What is too short to be seen is not in it.
type waits struct {
	// lock is the wait that goes on, "" for none, since when it began.
	lock  string
	since time.Time
	// past is the sum of those that are over.
	past time.Duration
}

// see takes in what the session does at a moment.
func (w *waits) see(at time.Time, a activity) {
	began := at.Add(-a.waited)
	if w.lock != "" && a.lock != w.lock {
		end := at // it ended before, but not long before: that is when it was looked at
		if a.waits && began.Before(end) {
			end = began
		}
		w.past += max(end.Sub(w.since), 0)
	}
	if a.waits && a.lock != w.lock {
		w.since = began
	}
	w.lock = a.lock
}

// total is all of it, the wait that goes on included.
func (w waits) total(at time.Time) time.Duration {
	if w.lock == "" {
		return w.past
	}
	return w.past + at.Sub(w.since)
}

// tooMuch reports whether the waits together are longer than one may be. One alone is
// the server's to end.
func (w waits) tooMuch(at time.Time, patience time.Duration) bool {
	return patience > 0 && w.past > 0 && w.total(at) >= patience
}

// patience is how long the waits of a file, or of a statement that runs by itself, may
// be in all; zero is no bound. CONCURRENTLY waits without stopping anybody, and a file
// that sets lock_timeout itself has its way.
func (f File) patience(statement int, lockTimeout time.Duration) time.Duration {
	if f.setsLockTimeout() || statement >= 0 && hasName(f.Statements[statement], "concurrently") {
		return 0
	}
	return lockTimeout
}

// setsLockTimeout reports whether one of the file's statements is SET lock_timeout.
func (f File) setsLockTimeout() bool {
	return slices.ContainsFunc(f.Statements, func(st sqlscan.Statement) bool {
		return st.Begins("SET") && hasName(st, "lock_timeout")
	})
}

// gaveWay is what a cancelled statement is told as when it was we who cancelled it for
// waiting too long: a lock that was not got, as lock_timeout would have it.
func (s sighting) gaveWay(err error) error {
	answer := pgError(err)
	if !s.stopped || answer == nil || answer.Code != "57014" { // query_canceled
		return err
	}
	told := *answer
	told.Code = "55P03"
	told.Message = fmt.Sprintf("given up: it waited for several locks, %s in all, holding the first ones", roughly(s.waited))
	return &told
}
