package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/clipper/clipperops/release"
)

// What lasts from one tick to the next is kept with the samples, so that a watch that
// takes over, or one that looks once, tells each alert once when it begins and once when
// it is over.

// takeUp goes on with what was on at the last tick of whichever watch. An alert that the
// release has no more is nobody's news.
func (w *Watcher) takeUp(last Sample) {
	w.firing, w.late, w.stay = map[string]bool{}, map[string]bool{}, last.Stay
	for _, id := range last.Firing {
		if AlertTitle(w.Release, id) != "" {
			w.firing[id] = true
		}
	}
	for _, address := range last.Late {
		w.late[address] = true
	}
}

// endStay ends the alerts of an earlier stay: what they are about is over, and what goes on
// in the present one is news.
func (w *Watcher) endStay(r *Report) {
	s := r.View.State
	if w.stay.Equal(s.Clean) {
		return
	}
	w.stay = s.Clean
	for _, a := range w.Release.Alerts {
		words := fmt.Sprintf("what it was about has ended: the feature is at %s, and what fails is counted anew since %s", r.View.Actual(), stamp(s.Clean))
		w.set(r, false, Alert{ID: a.ID, Title: a.Title, Level: a.Level, Words: words})
	}
}

// carry puts into a sample what is on before its tick has judged anything.
func (w *Watcher) carry(s *Sample) {
	s.Firing, s.Late, s.Stay = listed(w.firing), listed(w.late), w.stay
}

// keepLasting keeps what is on after the tick. What cannot be kept is told once more by
// the next watch, which is better than never.
func (w *Watcher) keepLasting(ctx context.Context, r *Report) {
	before := r.Sample
	w.carry(&r.Sample)
	if slices.Equal(r.Sample.Firing, before.Firing) && slices.Equal(r.Sample.Late, before.Late) && r.Sample.Stay.Equal(before.Stay) {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
	defer cancel()
	if err := w.Controller.Record.AddSample(limited, w.Controller.Flag, r.Sample); err != nil {
		r.Problems = append(r.Problems, "which alerts are on could not be kept: "+err.Error())
	}
}

// On is an alert that is on.
type On struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Since is the first look that saw it, of those that were asked for, Seen the last there is.
	Since time.Time `json:"since"`
	Seen  time.Time `json:"seen"`
}

// speaksFor is how long a look tells of the present: the longest tick, and a scrape more.
const speaksFor = longestTick + scrapedWithin

// AlertsOn are the alerts that were on after the newest of these samples, where it tells of
// now, and of the state's stay.
func AlertsOn(r *release.Rollout, s State, samples []Sample, now time.Time) []On {
	if len(samples) == 0 {
		return nil
	}
	last := samples[len(samples)-1]
	if now.Sub(last.At).Abs() > speaksFor {
		return nil
	}
	var all []On
	for _, id := range last.Firing {
		title := AlertTitle(r, id)
		ofStay := ownTitles[id] == ""
		if title == "" || ofStay && !last.Stay.Equal(s.Clean) {
			continue
		}
		one := On{ID: id, Title: title, Since: last.At, Seen: last.At}
		for _, before := range slices.Backward(samples) {
			if !slices.Contains(before.Firing, id) || ofStay && !before.Stay.Equal(last.Stay) {
				break
			}
			one.Since = before.At
		}
		all = append(all, one)
	}
	return all
}

// listed are those that are on, in order.
func listed(on map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(on)), func(one string) bool { return !on[one] })
}
