// Package featureflagtest is the one suite that every store of flags passes.
package featureflagtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Bench is a store under test, with what the suite needs to try it.
type Bench struct {
	Store featureflag.Store
	// Put makes the store hold exactly this flag, by hand, behind the store's back;
	// nil for a store that cannot change.
	Put func(t *testing.T, f featureflag.Flag)
	// Break makes the store unreadable, and returns what mends it; nil for one that
	// cannot break.
	Break func(t *testing.T) (mend func())
}

const key = "twitch_moderation"

// patience is for a loaded machine; conditions are awaited, not slept for.
const patience = 2 * time.Minute

// New is a flag for a test.
func New(t testing.TB, enabled bool, percentage featureflag.Percentage, users ...string) featureflag.Flag {
	t.Helper()
	f, err := featureflag.New(key, enabled, percentage, users)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Run runs the suite. make gives a store that holds nothing.
func Run(t *testing.T, make func(t *testing.T) Bench) {
	t.Run("an empty store has no flags", func(t *testing.T) {
		b := make(t)
		state, err := b.Store.Load(t.Context())
		if err != nil || len(state) != 0 {
			t.Errorf("%v, %v", state, err)
		}
	})
	t.Run("watch reports the state there is", func(t *testing.T) {
		b := make(t)
		w := watch(t, b.Store)
		w.await(func(s featureflag.State, err error) bool { return err == nil && len(s) == 0 })
	})
	t.Run("what is put is loaded and reported", func(t *testing.T) { putAndSeen(t, make(t)) })
	t.Run("a store that cannot be read keeps the last good state", func(t *testing.T) { brokenAndMended(t, make(t)) })
	t.Run("what is written is loaded", func(t *testing.T) { written(t, make(t)) })
	t.Run("of two who write the same version one is refused", func(t *testing.T) { raced(t, make(t)) })
}

func putAndSeen(t *testing.T, b Bench) {
	if b.Put == nil {
		t.Skip("this store does not change")
	}
	w := watch(t, b.Store)
	w.await(func(_ featureflag.State, err error) bool { return err == nil })
	versions := map[int64]bool{}
	for _, f := range []featureflag.Flag{New(t, true, 1250, "a", "b"), New(t, true, 5000), New(t, false, 5000), New(t, true, featureflag.Everybody, "a")} {
		b.Put(t, f)
		seen := w.await(func(s featureflag.State, err error) bool { return err == nil && s[key].Same(f) })
		loaded, err := b.Store.Load(t.Context())
		if err != nil || !loaded[key].Same(f) || loaded[key].Version != seen[key].Version {
			t.Errorf("loaded %s version %d, %v; reported %s version %d", loaded[key], loaded[key].Version, err, seen[key], seen[key].Version)
		}
		if v := seen[key].Version; v == 0 || versions[v] {
			t.Errorf("version %d is 0, or another state's", v)
		}
		versions[seen[key].Version] = true
	}
}

func brokenAndMended(t *testing.T, b Bench) {
	if b.Break == nil {
		t.Skip("this store does not break")
	}
	f := New(t, true, 5000, "a")
	b.Put(t, f)
	live := featureflag.NewLive(b.Store)
	if err := live.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { live.Run(ctx) })
	defer running.Wait()
	defer stop()
	mend := b.Break(t)
	eventually(t, "the failure is shown", func() bool { return live.Status().Error != "" })
	if s := live.Status(); !live.On(key, "a") || len(s.Flags) != 1 || !s.Flags[0].Same(f) || s.Lost.IsZero() {
		t.Errorf("while it is broken: %+v", s)
	}
	mend()
	b.Put(t, New(t, false, 0))
	eventually(t, "the next state", func() bool { return live.Status().Error == "" && !live.On(key, "a") })
	if !live.Status().Lost.IsZero() {
		t.Error("it is lost and not lost")
	}
}

func written(t *testing.T, b Bench) {
	w, ok := b.Store.(featureflag.Writer)
	if !ok {
		t.Skip("this store cannot be written")
	}
	watched := watch(t, b.Store)
	version := int64(0)
	for _, f := range []featureflag.Flag{New(t, true, 1), New(t, true, 1250, "b", "a"), New(t, false, 0)} {
		got, err := w.Write(t.Context(), featureflag.Change{Flag: f, Expect: version, By: "tester"})
		if err != nil || !got.Same(f) || got.Version == 0 || got.Version == version {
			t.Fatalf("wrote %s: %s version %d after %d, %v", f, got, got.Version, version, err)
		}
		version = got.Version
		watched.await(func(s featureflag.State, err error) bool { return err == nil && s[key].Same(f) })
	}
	var conflict *featureflag.Conflict
	_, err := w.Write(t.Context(), featureflag.Change{Flag: New(t, true, 1), Expect: version + 1, By: "late"})
	if !errors.As(err, &conflict) || conflict.Have.Version != version {
		t.Errorf("an old version is answered %v", err)
	}
	if _, err := w.Write(t.Context(), featureflag.Change{Flag: New(t, true, 1), Expect: 0, By: "late"}); !errors.As(err, &conflict) {
		t.Errorf("a flag that is there is made again: %v", err)
	}
}

func raced(t *testing.T, b Bench) {
	w, ok := b.Store.(featureflag.Writer)
	if !ok {
		t.Skip("this store cannot be written")
	}
	first, err := w.Write(t.Context(), featureflag.Change{Flag: New(t, true, 1), By: "tester"})
	if err != nil {
		t.Fatal(err)
	}
	const writers = 8
	var all sync.WaitGroup
	results := make(chan error, writers)
	for i := range writers {
		all.Go(func() {
			_, err := w.Write(t.Context(), featureflag.Change{Flag: New(t, true, featureflag.Percentage(100+i)), Expect: first.Version, By: "racer"})
			results <- err
		})
	}
	all.Wait()
	close(results)
	won := 0
	for err := range results {
		var conflict *featureflag.Conflict
		switch {
		case err == nil:
			won++
		case !errors.As(err, &conflict):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d wrote over the same version", won, writers)
	}
}

// watcher collects reports.
type watcher struct {
	t       *testing.T
	reports chan watched
}

type watched struct {
	state featureflag.State
	err   error
}

func watch(t *testing.T, s featureflag.Store) *watcher {
	w := &watcher{t, make(chan watched, 1000)}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Watch(ctx, func(state featureflag.State, err error) { w.reports <- watched{state, err} })
	}()
	t.Cleanup(func() {
		stop()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("watch does not end with its context")
		}
	})
	return w
}

// await is the first report from now on that is as wanted.
func (w *watcher) await(wanted func(featureflag.State, error) bool) featureflag.State {
	w.t.Helper()
	for limit := time.After(patience); ; {
		select {
		case r := <-w.reports:
			if wanted(r.state, r.err) {
				return r.state
			}
		case <-limit:
			w.t.Fatal("no such state was reported")
		}
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("did not happen: " + what)
		}
	}
}
