package featureflag_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
)

const key = "twitch_moderation"

// scripted is a store that says what the test tells it to.
type scripted struct {
	first   featureflag.State
	failure error
	next    chan func(report func(featureflag.State, error))
}

func (s *scripted) Load(context.Context) (featureflag.State, error) { return s.first, s.failure }

func (s *scripted) Watch(ctx context.Context, report func(featureflag.State, error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case say := <-s.next:
			say(report)
		}
	}
}

func (*scripted) String() string { return "scripted" }

// says reports and waits until it was taken.
func (s *scripted) says(state featureflag.State, err error) {
	s.next <- func(report func(featureflag.State, error)) { report(state, err) }
	synctest.Wait()
}

func follow(t *testing.T, s *scripted) *featureflag.Live {
	t.Helper()
	s.next = make(chan func(func(featureflag.State, error)))
	live := featureflag.NewLive(s)
	if err := live.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { live.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return live
}

// TestTheLastGoodStateStays while the store is away, with since when; a flag's own
// time moves with the flag alone.
func TestTheLastGoodStateStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		good := featureflag.State{key: flag(t, true, featureflag.Everybody).At(1), "other": {Key: "other", Version: 1}}
		s := &scripted{first: good}
		live := follow(t, s)
		begun := time.Now()
		want := func(what, message string, lost, since time.Time) {
			t.Helper()
			status := live.Status()
			if status.Error != message || !status.Lost.Equal(lost) {
				t.Errorf("%s: error %q since %s, want %q since %s", what, status.Error, status.Lost, message, lost)
			}
			if len(status.Flags) != 2 || status.Flags[0].Key != "other" || status.Flags[1].Key != key {
				t.Fatalf("%s: flags %+v", what, status.Flags)
			}
			if !status.Flags[0].Since.Equal(begun) || !status.Flags[1].Since.Equal(since) {
				t.Errorf("%s: since %s and %s, want %s and %s", what, status.Flags[0].Since, status.Flags[1].Since, begun, since)
			}
		}
		want("at the start", "", time.Time{}, begun)

		time.Sleep(time.Minute)
		lost := time.Now()
		s.says(nil, errors.New("away"))
		want("once away", "away", lost, begun)
		time.Sleep(time.Minute)
		s.says(nil, errors.New("junk"))
		want("still away, for another reason", "junk", lost, begun)
		if !live.On(key, "anybody") || !live.Enabled(key) {
			t.Error("the flag went off with its store")
		}

		time.Sleep(time.Minute)
		s.says(good, nil)
		want("back as it was", "", time.Time{}, begun)
		time.Sleep(time.Minute)
		s.says(featureflag.State{key: flag(t, false, 0).At(2), "other": good["other"]}, nil)
		want("changed", "", time.Time{}, time.Now())
		if live.On(key, "anybody") || live.Enabled(key) {
			t.Error("the change is not what is decided by")
		}
	})
}

// TestWhoWaitsForAChangeIsTold after it can be decided by, and never of a failure.
func TestWhoWaitsForAChangeIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{first: featureflag.State{}}
		live := follow(t, s)
		var seen []bool
		live.OnChange(func() { seen = append(seen, live.On(key, "a")) })
		s.says(featureflag.State{key: flag(t, true, 0, "a").At(1)}, nil)
		s.says(nil, errors.New("away"))
		s.says(featureflag.State{}, nil)
		if len(seen) != 2 || !seen[0] || seen[1] {
			t.Errorf("told %v, want on, then off because the flag is gone", seen)
		}
	})
}

// TestNothingIsOnWithoutAState: before the start, after one that failed, and for a
// flag that nobody has set.
func TestNothingIsOnWithoutAState(t *testing.T) {
	t.Parallel()
	s := &scripted{failure: errors.New("away")}
	live := featureflag.NewLive(s)
	if live.On(key, "a") || live.Enabled(key) {
		t.Error("a flag is on before the start")
	}
	if err := live.Start(t.Context()); !errors.Is(err, s.failure) {
		t.Errorf("the start says %v", err)
	}
	if status := live.Status(); live.On(key, "a") || status.Error != "away" || status.Lost.IsZero() || status.Flags == nil {
		t.Errorf("after a start that failed: %+v", status)
	}
	s.failure, s.first = nil, featureflag.State{key: flag(t, true, featureflag.Everybody)}
	if err := live.Start(t.Context()); err != nil || !live.On(key, "a") || live.On("another", "a") {
		t.Errorf("after a start: %+v, %v", live.Status(), err)
	}
}

// TestTheLiveDecisionAllocatesNothing: it is asked in every request.
func TestTheLiveDecisionAllocatesNothing(t *testing.T) {
	live := featureflag.NewLive(&scripted{first: featureflag.State{key: flag(t, true, 5000, "a", "b")}})
	if err := live.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { live.On(key, "0190a5b2-7c3d-7e4f-8a9b-0c1d2e3f4a5b") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
