package gate

import (
	"fmt"
	"slices"
	"time"
)

// Tick is what was counted since From, or since the tick before it.
type Tick struct {
	From  time.Time `json:"from,omitzero"` // its beginning; zero: it tells of one step at most
	At    time.Time `json:"at"`            // its end
	Bad   int64     `json:"bad"`
	Total int64     `json:"total"`
	Known bool      `json:"known"` // false: there is no data for this tick
}

// Sustained is a rule that watches on and on: it fires when over the last For the share
// of bad ones is above Above, there were AtLeastBad of them, and Wilson's lower bound is
// above Above too, so that three unlucky requests at night wake nobody.
type Sustained struct {
	Name       string        // "off"
	What       string        // what is counted, in the plural; empty: "errors"
	Above      float64       // a share, between 0 and 1
	For        time.Duration // the window
	AtLeastBad int64         // 0: 3
	Confidence float64       // of Wilson's interval, two-sided; 0: 0.99
	Step       time.Duration // how much time one tick tells of; 0: the usual distance between them
}

// Check tells of a rule that could never be judged.
func (s Sustained) Check() error {
	s = s.withDefaults()
	switch {
	case s.For <= 0:
		return fmt.Errorf("rule %q: it must hold for some time, not for %s", s.Name, s.For)
	case s.Step < 0 || s.Step > s.For:
		return fmt.Errorf("rule %q: a tick of %s does not fit into %s", s.Name, s.Step, s.For)
	case s.AtLeastBad < 0:
		return fmt.Errorf("rule %q: at least %d bad ones are wanted: 0 or more can be", s.Name, s.AtLeastBad)
	}
	if err := checkShare("share", s.Above); err != nil {
		return fmt.Errorf("rule %q: %w", s.Name, err)
	}
	if err := checkShare("confidence", s.Confidence); err != nil {
		return fmt.Errorf("rule %q: %w", s.Name, err)
	}
	return nil
}

// missing is the part of the window that may be missing: a fifth, one scrape in five.
// A service in trouble answers scrapes late too, so a rule that wants all of them is
// silent when it is needed. And with four fifths known, the whole window's share is at
// least 0.8 of the known one's even if all that is missing was faultless.
const missing = 5

// Enough is how much of a window must be known to judge it.
func Enough(window time.Duration) time.Duration { return window - window/missing }

// Watch judges the window that ends with the newest known tick, so that a tick without
// data neither fires nor clears; when more than a fifth of the window is missing, it
// holds. Fail means that it fires; pass, that the share is not above.
func (s Sustained) Watch(ticks []Tick, now time.Time) Judgement {
	s = s.withDefaults()
	alpha := 1 - s.Confidence
	if err := s.Check(); err != nil {
		return unjudged(0, 0, s.Above, s.Confidence, err.Error())
	}
	w, reason := s.window(ticks, now)
	if reason != "" {
		return unjudged(w.bad, w.total, s.Above, s.Confidence, reason)
	}
	j := Judgement{Bad: w.bad, Total: w.total, Threshold: s.Above, Confidence: s.Confidence}
	j.Low, j.High = Wilson(w.bad, w.total, Z(alpha))
	j.Words = shareWords(j, quantity(w.bad, s.What)) + " over " + span(s.For)
	share := float64(w.bad) / float64(w.total)
	switch {
	case w.total == 0:
		j.Verdict, j.Reason = Hold, "nothing was counted in "+span(s.For)+", which is neither good nor bad"
	case share <= s.Above:
		j.Verdict = Pass
	case w.bad < s.AtLeastBad:
		j.Verdict, j.Reason = Hold, fmt.Sprintf("%s is above, but by %s; at least %s are wanted", percent(share), quantity(w.bad, s.What), count(s.AtLeastBad))
	case j.Low > s.Above:
		j.Verdict = Fail
	default:
		j.Verdict, j.Reason = Hold, percent(s.Above)+" lies inside the interval: above, but it may be chance"
		j.More = more(w.bad, w.total, s.Above, Z(alpha), 0)
	}
	return j
}

type window struct{ bad, total int64 }

// window sums the known ticks of the last For, or says why it cannot be judged.
func (s Sustained) window(ticks []Tick, now time.Time) (window, string) {
	if !slices.IsSortedFunc(ticks, later) {
		ticks = slices.SortedStableFunc(slices.Values(ticks), later)
	}
	end := len(ticks)
	for end > 0 && (ticks[end-1].At.After(now) || !ticks[end-1].known()) {
		end-- // a tick after now: the clock was set back
	}
	if end == 0 {
		return window{}, "there is no data"
	}
	newest := ticks[end-1].At
	first := end
	begin := newest.Add(-s.For)
	for first > 0 && ticks[first-1].At.After(begin) {
		first--
	}
	step := s.Step
	if step == 0 {
		step = usual(ticks[max(first-1, 0):end], s.For)
	}
	w, covered := sum(ticks, first, end, begin, step)
	if w.total > most {
		return window{}, "a count is beyond 2^53, where counters are no longer exact"
	}
	lost := s.For - covered + max(now.Sub(newest)-step, 0)
	if lost > s.For/missing {
		return w, fmt.Sprintf("of the last %s, %s are not known; at most %s may be", span(s.For), span(min(lost, s.For).Round(time.Second)), span(s.For/missing))
	}
	return w, ""
}

// sum counts what the ticks from first to end tell, and how much of the time since
// begin they tell of. Of known ticks of one instant the last in the list is taken: two
// watchers wrote it.
func sum(ticks []Tick, first, end int, begin time.Time, step time.Duration) (w window, covered time.Duration) {
	for i := first; i < end; i++ {
		t := ticks[i]
		if !t.known() || known(ticks[i+1:end], t.At) {
			continue
		}
		w.bad, w.total = w.bad+t.Bad, w.total+t.Total
		if w.total > most {
			break
		}
		covered += tells(ticks[:i], t, begin, step)
	}
	return w, covered
}

// tells is how much time after begin a tick tells of that no tick before it does: all
// since its From, or else since the tick before it, but then half a step more than its
// own at most, for nobody knows what was counted while nobody watched.
func tells(before []Tick, t Tick, begin time.Time, step time.Duration) time.Duration {
	since := t.From
	if since.IsZero() {
		since = t.At.Add(-step)
		if n := lastBefore(before, t.At, func(Tick) bool { return true }); n >= 0 {
			since = before[n].At
			if longest := t.At.Add(-step - step/2); since.Before(longest) {
				since = longest
			}
		}
	} else if n := lastBefore(before, t.At, Tick.known); n >= 0 && since.Before(before[n].At) {
		since = before[n].At
	}
	if since.Before(begin) {
		since = begin
	}
	return max(t.At.Sub(since), 0)
}

// lastBefore finds the last tick before an instant that is of a kind, or -1.
func lastBefore(ticks []Tick, at time.Time, kind func(Tick) bool) int {
	n := len(ticks) - 1
	for n >= 0 && !(ticks[n].At.Before(at) && kind(ticks[n])) {
		n--
	}
	return n
}

// known is whether one of the first of these ticks, those of that instant, has data.
func known(ticks []Tick, at time.Time) bool {
	for _, t := range ticks {
		if !t.At.Equal(at) {
			return false
		}
		if t.known() {
			return true
		}
	}
	return false
}

// known is whether there is data, and such as can be.
func (t Tick) known() bool {
	return t.Known && nonsense(t.Bad, t.Total) == "" && !t.From.After(t.At)
}

func later(a, b Tick) int { return a.At.Compare(b.At) }

// usual is the median distance between ticks, at most what fits into the window.
func usual(ticks []Tick, longest time.Duration) time.Duration {
	distances := make([]time.Duration, 0, len(ticks))
	for i := 1; i < len(ticks); i++ {
		if d := ticks[i].At.Sub(ticks[i-1].At); d > 0 {
			distances = append(distances, d)
		}
	}
	if len(distances) == 0 {
		return 0
	}
	slices.Sort(distances)
	return min(distances[len(distances)/2], longest)
}

func (s Sustained) withDefaults() Sustained {
	if s.What == "" {
		s.What = "errors"
	}
	if s.AtLeastBad == 0 {
		s.AtLeastBad = 3
	}
	if s.Confidence == 0 {
		s.Confidence = 0.99
	}
	return s
}
