package gate_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/rollout/gate"
)

const step = 15 * time.Second

var (
	noon = time.Date(2026, 1, 18, 12, 0, 0, 0, time.UTC)

	// The plan's rules: off after 5 minutes above 10%, a step down after 15 above 5%.
	off  = gate.Sustained{Name: "off", Above: 0.10, For: 5 * time.Minute, AtLeastBad: 3, Confidence: 0.99, Step: step}
	down = gate.Sustained{Name: "down", Above: 0.05, For: 15 * time.Minute, AtLeastBad: 3, Confidence: 0.99, Step: step}
)

// even is n known ticks that end at noon, each with bad of total.
func even(n int, bad, total int64) []gate.Tick {
	ticks := make([]gate.Tick, n)
	for i := range ticks {
		ticks[i] = gate.Tick{At: noon.Add(-time.Duration(n-1-i) * step), Bad: bad, Total: total, Known: true}
	}
	return ticks
}

func TestSustained(t *testing.T) {
	t.Parallel()
	unknown := func(ticks []gate.Tick, which ...int) []gate.Tick {
		for _, i := range which {
			ticks[i] = gate.Tick{At: ticks[i].At, Bad: 9, Total: 9} // whatever stands there does not count
		}
		return ticks
	}
	last := func(n int) (which []int) {
		for i := range n {
			which = append(which, 39-i)
		}
		return which
	}
	for _, c := range []struct {
		name          string
		ticks         []gate.Tick
		now           time.Time
		verdict       gate.Verdict
		words, reason string // a part of each
	}{
		{"healthy", even(40, 1, 100), noon, gate.Pass, "20 errors in 2,000 (1.0%, 99% 0.6–1.8%) < 10% over 5m", ""},
		{"on fire", even(40, 30, 100), noon, gate.Fail, "600 errors in 2,000 (30.0%, 99% 27.4–32.7%) > 10% over 5m", ""},
		{"at the threshold is not above it", even(40, 10, 100), noon, gate.Pass, "not told from 10%", ""},
		{"a little above is not told", even(40, 11, 100), noon, gate.Hold, "", "may be chance"},
		{"three unlucky ones at night", append(even(37, 0, 0), gate.Tick{At: noon.Add(step), Bad: 2, Total: 3, Known: true}), noon.Add(step), gate.Hold, "2 errors in 3", "at least 3 are wanted"},
		{"no request at all", even(40, 0, 0), noon, gate.Hold, "", "nothing was counted"},
		{"no tick", nil, noon, gate.Hold, "", "there is no data"},
		{"nothing known", unknown(even(3, 0, 0), 0, 1, 2), noon, gate.Hold, "", "there is no data"},
		{"watched too briefly", even(15, 30, 100), noon, gate.Hold, "", "of the last 5m, 1m15s are not known; at most 1m may be"},
		{"watched for four fifths", even(16, 30, 100), noon, gate.Fail, "", ""},
		{"a fifth is missing in the middle", unknown(even(40, 30, 100), 25, 27, 30, 33), noon, gate.Fail, "480 errors in 1,600", ""},
		{"more than a fifth is missing", unknown(even(40, 30, 100), 25, 27, 30, 33, 35), noon, gate.Hold, "", "1m15s are not known"},
		{"the newest four are missing", unknown(even(40, 30, 100), last(4)...), noon, gate.Fail, "600 errors in 2,000", ""},
		{"the newest five are missing, and the one due", unknown(even(40, 30, 100), last(6)...), noon, gate.Hold, "", "are not known"},
		{"the watcher was away", even(40, 30, 100), noon.Add(10 * time.Minute), gate.Hold, "", "of the last 5m, 5m are not known"},
		{"nobody watched in the middle", slices.Delete(even(40, 30, 100), 25, 31), noon, gate.Hold, "", "1m23s are not known"},
		{"the clock was set back: what comes after now does not count", even(40, 30, 100), noon.Add(-5 * time.Minute), gate.Fail, "600 errors in 2,000", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := off.Watch(c.ticks, c.now)
			if j.Verdict != c.verdict || !strings.Contains(j.Words, c.words) || !strings.Contains(j.Reason, c.reason) {
				t.Errorf("%s %q, %q\nwant %s with %q and %q", j.Verdict, j.Words, j.Reason, c.verdict, c.words, c.reason)
			}
			if (j.Verdict == gate.Hold) != (j.Reason != "") {
				t.Errorf("%s with the reason %q", j.Verdict, j.Reason)
			}
			// Without Step the usual distance is taken, which here is the same.
			free := off
			free.Step = 0
			if k := free.Watch(c.ticks, c.now); k != j {
				t.Errorf("without a step: %+v, with it %+v", k, j)
			}
		})
	}
}

// TestAnUnknownTickNeitherFiresNorClears guards against a clean tick leaving the window
// while nothing new is known, which would raise the share by itself.
func TestAnUnknownTickNeitherFiresNorClears(t *testing.T) {
	t.Parallel()
	for _, share := range []int64{0, 12, 14, 30} {
		// Clean ticks stand at the window's beginning and would leave it first.
		ticks := even(24, share, 100)
		for i := range 8 {
			ticks[i].Bad = 0
		}
		before := off.Watch(ticks, noon)
		for i := 1; i <= 4; i++ {
			at := noon.Add(time.Duration(i) * step)
			ticks = append(ticks, gate.Tick{At: at})
			if after := off.Watch(ticks, at); after.Verdict != before.Verdict || after.Bad != before.Bad {
				t.Errorf("%d%%: %s %q, and after %d ticks without data %s %q", share, before.Verdict, before.Words, i, after.Verdict, after.Words)
			}
		}
	}
}

// TestATickThatSaysSinceWhen covers all of that time, but none twice: a watcher that was
// away counts what happened meanwhile in one tick.
func TestATickThatSaysSinceWhen(t *testing.T) {
	t.Parallel()
	back := func(from time.Duration) []gate.Tick {
		ticks := slices.Delete(even(40, 30, 100), 22, 39) // the last one is 4m30s after the one before
		last := &ticks[len(ticks)-1]
		last.From, last.Bad, last.Total = noon.Add(-from), 540, 1800
		return ticks
	}
	for from, want := range map[time.Duration]gate.Verdict{
		4*time.Minute + 15*time.Second: gate.Fail, // since the last tick there was
		20 * time.Minute:               gate.Fail, // more than the window, and than is missing
		3*time.Minute + 30*time.Second: gate.Fail, // and 30 s from two ticks are four fifths
		3 * time.Minute:                gate.Hold,
		-time.Second:                   gate.Hold, // begins after its end: it is not known
	} {
		if j := off.Watch(back(from), noon); j.Verdict != want {
			t.Errorf("a tick since %s: %+v, want %s", from, j, want)
		}
	}
	// Ticks that each claim five minutes do not add up to hours.
	few := even(5, 30, 100)
	for i := range few {
		few[i].From = few[i].At.Add(-time.Minute)
	}
	if j := off.Watch(few, noon); j.Verdict != gate.Hold || !strings.Contains(j.Reason, "3m0s are not known") && !strings.Contains(j.Reason, "3m are not known") {
		t.Errorf("2 minutes of 5: %+v", j)
	}
	// A tick after unknown ones that counts what they missed makes it known.
	ticks := even(40, 30, 100)
	for i := 30; i < 39; i++ {
		ticks[i].Known = false
	}
	if j := off.Watch(ticks, noon); j.Verdict != gate.Hold {
		t.Errorf("nine ticks unknown: %+v", j)
	}
	ticks[39].From, ticks[39].Bad, ticks[39].Total = ticks[29].At, 300, 1000
	if j := off.Watch(ticks, noon); j.Verdict != gate.Fail || j.Total != 2000 {
		t.Errorf("nine ticks unknown, then counted: %+v", j)
	}
}

// TestTicksThatCannotBe count as not known; the order and double ticks do not matter.
func TestTicksThatCannotBe(t *testing.T) {
	t.Parallel()
	want := off.Watch(even(40, 30, 100), noon)
	if want.Verdict != gate.Fail {
		t.Fatalf("%+v", want)
	}
	shuffled := even(40, 30, 100)
	slices.Reverse(shuffled)
	if got := off.Watch(shuffled, noon); got != want {
		t.Errorf("in reverse: %+v, want %+v", got, want)
	}
	if !shuffled[0].At.Equal(noon) {
		t.Error("the ticks given were put in another order")
	}
	doubled := even(40, 30, 100)
	doubled = append(doubled, doubled...)
	if got := off.Watch(doubled, noon); got != want {
		t.Errorf("each twice: %+v, want %+v", got, want)
	}
	for _, junk := range []gate.Tick{{Bad: -1, Total: 5}, {Bad: 6, Total: 5}, {Bad: 1, Total: math.MaxInt64}, {Bad: -5, Total: -1}} {
		ticks := even(40, 30, 100)
		for i := 30; i < 35; i++ {
			ticks[i].Bad, ticks[i].Total = junk.Bad, junk.Total
		}
		if j := off.Watch(ticks, noon); j.Verdict != gate.Hold || !strings.Contains(j.Reason, "not known") {
			t.Errorf("%d of %d: %+v", junk.Bad, junk.Total, j)
		}
	}
	if j := off.Watch(even(40, 1<<52, 1<<52), noon); j.Verdict != gate.Hold {
		t.Errorf("together beyond 2^53: %+v", j)
	}
	if j := off.Watch(even(40, 3e11, 1e12), noon); j.Verdict != gate.Fail {
		t.Errorf("1e12 in each tick: %+v", j)
	}
}

func TestSustainedRulesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, s := range []gate.Sustained{
		{},
		{Above: 10, For: time.Minute},
		{Above: math.NaN(), For: time.Minute},
		{Above: 0.1},
		{Above: 0.1, For: -time.Minute},
		{Above: 0.1, For: time.Minute, AtLeastBad: -1},
		{Above: 0.1, For: time.Minute, Confidence: 99},
		{Above: 0.1, For: time.Minute, Confidence: math.NaN()},
		{Above: 0.1, For: time.Minute, Step: time.Hour},
	} {
		if s.Check() == nil {
			t.Errorf("%+v is found sound", s)
		}
		if j := s.Watch(even(100, 100, 100), noon); j.Verdict != gate.Hold {
			t.Errorf("%+v: %+v", s, j)
		}
	}
	// What is left out is 3 bad ones and 99%.
	short := gate.Sustained{Above: 0.10, For: 5 * time.Minute}
	for _, bad := range []int64{0, 2, 11, 14, 30} {
		if a, b := short.Watch(even(40, bad, 100), noon), off.Watch(even(40, bad, 100), noon); a != b {
			t.Errorf("%d%%: %+v, want %+v", bad, a, b)
		}
	}
}
