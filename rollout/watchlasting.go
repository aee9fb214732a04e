package rollout

import (
	"context"
	"maps"
	"slices"

	"github.com/clipper/clipperops/release"
)

// What lasts from one tick to the next is kept with the samples, so that a watch that
// takes over, or one that looks once, tells each alert once when it begins and once when
// it is over.

// takeUp goes on with what was on at the last tick of whichever watch. An alert that the
// release has no more is nobody's news.
func (w *Watcher) takeUp(last Sample) {
	w.firing, w.late = map[string]bool{}, map[string]bool{}
	for _, id := range last.Firing {
		known := slices.Contains([]string{AlertMetrics, AlertDrift, AlertInstances}, id) ||
			slices.ContainsFunc(w.Release.Alerts, func(a release.Alert) bool { return a.ID == id })
		if known {
			w.firing[id] = true
		}
	}
	for _, address := range last.Late {
		w.late[address] = true
	}
}

// keepLasting keeps what is on after the tick. What cannot be kept is told once more by
// the next watch, which is better than never.
func (w *Watcher) keepLasting(ctx context.Context, r *Report) {
	firing, late := listed(w.firing), listed(w.late)
	if slices.Equal(firing, r.Sample.Firing) && slices.Equal(late, r.Sample.Late) {
		return
	}
	r.Sample.Firing, r.Sample.Late = firing, late
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
	defer cancel()
	if err := w.Controller.Record.AddSample(limited, w.Controller.Flag, r.Sample); err != nil {
		r.Problems = append(r.Problems, "which alerts are on could not be kept: "+err.Error())
	}
}

// listed are those that are on, in order.
func listed(on map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(on)), func(one string) bool { return !on[one] })
}
