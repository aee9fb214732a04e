package featureflag

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Live is the state that a running service decides by: the last good one of its
// store. Deciding takes no lock and allocates nothing.
type Live struct {
	store Store
	now   func() time.Time
	state atomic.Pointer[held]

	mu       sync.Mutex // for those who change the state
	onChange []func()
}

// held is one state with where it came from.
type held struct {
	flags State
	since map[string]time.Time // since when each flag is as it is
	err   error                // why the store cannot be read at present
	lost  time.Time            // since when; zero while it can
}

// NewLive is a live state of the store. Nothing is on before it was started.
func NewLive(store Store) *Live {
	l := &Live{store: store, now: time.Now}
	l.state.Store(&held{})
	return l
}

// Start reads the first state, and fails when that cannot be had.
func (l *Live) Start(ctx context.Context) error {
	state, err := l.store.Load(ctx)
	l.take(state, err)
	return err
}

// Run follows the store until ctx ends.
func (l *Live) Run(ctx context.Context) { l.store.Watch(ctx, l.take) }

// On reports whether the feature is on for the user. A flag that nobody has set is
// off.
func (l *Live) On(key, user string) bool {
	f, ok := l.state.Load().flags[key]
	return ok && f.On(user)
}

// Enabled reports whether the flag is enabled at all, for switches that know no
// users, like maintenance.
func (l *Live) Enabled(key string) bool { return l.state.Load().flags[key].Enabled }

// OnChange calls fn after every change, one after the other. It is called before
// Run.
func (l *Live) OnChange(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onChange = append(l.onChange, fn)
}

// View is a flag as this instance sees it.
type View struct {
	Flag
	Since time.Time // since when it is so here
}

// Status is how this instance stands with its store.
type Status struct {
	Store string    // its name
	Error string    // why it cannot be read at present; "" while it can
	Lost  time.Time // since when; zero while it can
	Flags []View    // by key
}

// Status is the state with its flags, for people and for those who wait for a
// change to arrive.
func (l *Live) Status() Status {
	h := l.state.Load()
	s := Status{Store: l.store.String(), Lost: h.lost, Flags: []View{}}
	if h.err != nil {
		s.Error = h.err.Error()
	}
	for _, f := range h.flags {
		s.Flags = append(s.Flags, View{f, h.since[f.Key]})
	}
	slices.SortFunc(s.Flags, func(a, b View) int { return strings.Compare(a.Key, b.Key) })
	return s
}

// take makes a new state the one to decide by, or keeps the last good one.
func (l *Live) take(state State, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.state.Load()
	now := l.now()
	if err != nil {
		lost := before.lost
		if before.err == nil {
			lost = now
		}
		l.state.Store(&held{flags: before.flags, since: before.since, err: err, lost: lost})
		return
	}
	next := &held{flags: state, since: make(map[string]time.Time, len(state))}
	for key, f := range state {
		next.since[key] = now
		if old, ok := before.flags[key]; ok && old.Version == f.Version && old.Same(f) {
			next.since[key] = before.since[key]
		}
	}
	l.state.Store(next)
	for _, fn := range l.onChange {
		fn()
	}
}
