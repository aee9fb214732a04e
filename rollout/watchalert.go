package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

// Alert is one that begins, or is over.
type Alert struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Level string `json:"level"`
	Over  bool   `json:"over,omitempty"`
	Words string `json:"words"`
}

// The alerts that the watch has by itself, whatever the release's are.
const (
	AlertMetrics   = "metrics"
	AlertDrift     = "drift"
	AlertInstances = "instances"
)

var ownTitles = map[string]string{
	AlertMetrics:   "metrics cannot be asked",
	AlertDrift:     "somebody has changed the flag behind the rollout's back",
	AlertInstances: "instances do not follow the flag",
}

// AlertTitle names an alert; "" for one that there is not.
func AlertTitle(r *release.Rollout, id string) string {
	if i := slices.IndexFunc(r.Alerts, func(a release.Alert) bool { return a.ID == id }); i >= 0 {
		return r.Alerts[i].Title
	}
	return ownTitles[id]
}

// alert tells what begins and what is over, in the stay that there is after what the tick
// has done.
func (w *Watcher) alert(ctx context.Context, now time.Time, r *Report) {
	w.endStay(r)
	clean := w.clean(r.View.State, now)
	for _, a := range w.Release.Alerts {
		verdict, words, err := w.fires(ctx, a, now, clean)
		if err != nil || verdict == gate.Hold {
			continue // what cannot be told neither begins an alert nor ends it
		}
		// A count of nothing while nothing can be counted is no news.
		if words != none || r.Sample.Problem == "" {
			w.set(r, verdict == gate.Fail, Alert{ID: a.ID, Title: a.Title, Level: a.Level, Words: words})
		}
	}
	if p := r.Sample.Problem; p != noScrape || w.silentBefore(r.Sample) && silent(r.Sample) {
		w.set(r, p != "", Alert{ID: AlertMetrics, Title: ownTitles[AlertMetrics], Level: "warning", Words: p})
	}
	drift := ""
	if r.View.Drifted() {
		is, left := r.View.Actual().Apart(r.View.State.Exposure)
		drift = fmt.Sprintf("the flag is at %s; the rollout left it at %s", is, left)
	}
	w.set(r, drift != "", Alert{ID: AlertDrift, Title: ownTitles[AlertDrift], Level: "warning", Words: drift})
	w.alertInstances(ctx, r)
}

// alertInstances tells of those that do not follow.
func (w *Watcher) alertInstances(ctx context.Context, r *Report) {
	views, err := w.Controller.Instances.Ask(ctx, w.Controller.Flag)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		r.Problems = append(r.Problems, "instances: "+err.Error())
		w.set(r, true, Alert{ID: AlertInstances, Title: "instances cannot be asked", Level: "warning", Words: err.Error()})
		return
	}
	r.Instances = views
	var behind []string
	late := map[string]bool{}
	for _, v := range views {
		if v.Sees(r.View.Flag) {
			continue
		}
		late[v.Address] = true
		if w.late[v.Address] { // also at the tick before: a change takes its time to arrive
			behind = append(behind, v.Address)
		}
	}
	w.late = late
	w.set(r, len(behind) > 0, Alert{ID: AlertInstances, Title: ownTitles[AlertInstances], Level: "warning", Words: strings.Join(behind, ", ")})
}

// set tells of an alert that begins, or that is over.
func (w *Watcher) set(r *Report, on bool, a Alert) {
	if on == w.firing[a.ID] {
		return
	}
	w.firing[a.ID], a.Over = on, !on
	r.Alerts = append(r.Alerts, a)
}

// ofBefore is how long into a stay a scrape may tell of what was before it.
func (w *Watcher) ofBefore() time.Duration { return max(scrapedWithin, w.Every) }

// fires is Fail when the alert is to be on, by what, and Pass when it is over. It looks no
// further back than the present stay, and there not at what its first scrape tells: what was
// before has been acted upon. As the rules do, it tells nothing of a time of which more than
// a fifth is missing. What is too little to be told ends it when all the time that it looks
// back on has none of the bad.
func (w *Watcher) fires(ctx context.Context, a release.Alert, now, clean time.Time) (v gate.Verdict, words string, err error) {
	from, begins := now.Add(-a.For), clean.Add(w.ofBefore())
	whole := !from.Before(begins)
	if !whole {
		from = begins
	}
	if !now.After(from) {
		return gate.Hold, "", nil
	}
	if a.Kind == release.AlertRate {
		return w.exceeds(ctx, a, from, now)
	}
	if now.Sub(from) < gate.Enough(a.For) {
		return gate.Hold, "", nil
	}
	j, err := w.share(ctx, a, from, now)
	switch {
	case err != nil:
		return gate.Hold, "", err
	case j.Verdict == gate.Fail && a.Kind == release.AlertRatio && j.Bad < leastBad:
		return gate.Hold, "", nil
	case j.Verdict == gate.Fail && !w.firing[a.ID] && !w.knows(ctx, a, now.Add(-gate.Enough(a.For))):
		return gate.Hold, "", nil
	case j.Verdict == gate.Hold && whole && w.firing[a.ID] && noneBad(j):
		// Of the time before something must be known: one new scrape is not all of it.
		if _, err := w.share(ctx, a, from, now.Add(-a.For/2)); err != nil {
			return gate.Hold, "", err
		}
		return gate.Pass, noneOf(j.Total) + " in " + length(a.For), nil
	}
	return j.Verdict, j.Words, nil
}

// knows reports whether there is a scrape by then to count from.
func (w *Watcher) knows(ctx context.Context, a release.Alert, by time.Time) bool {
	all := a.Total
	if a.Kind == release.AlertSlow {
		all = a.Histogram
	}
	series, err := w.Source.Range(ctx, all, by.Add(-longestTick), by)
	return err == nil && slices.ContainsFunc(series, func(s metrics.Series) bool { return len(s.Points) > 0 })
}

// exceeds judges how many there were, which is told at once when they are too many, and
// not before a whole time has passed when they are not.
func (w *Watcher) exceeds(ctx context.Context, a release.Alert, from, now time.Time) (v gate.Verdict, words string, err error) {
	n, err := metrics.Counts(ctx, w.Source, a.Bad, from, now)
	words = fmt.Sprintf("%d in %s", n, length(now.Sub(from)))
	if errors.Is(err, metrics.ErrNoData) {
		words, err = none, nil
	}
	switch {
	case err != nil:
		return gate.Hold, "", err
	case float64(n)/a.For.Minutes() > float64(a.PerMinute):
		return gate.Fail, words, nil
	case now.Sub(from) < a.For:
		return gate.Hold, "", nil
	}
	return gate.Pass, words, nil
}

// share judges the share of bad ones, or of slow ones.
func (w *Watcher) share(ctx context.Context, a release.Alert, from, to time.Time) (gate.Judgement, error) {
	text := a.Above
	if a.Kind == release.AlertSlow {
		text = a.Share
	}
	share, err := release.ParseShare(text)
	if err != nil {
		return gate.Judgement{}, err
	}
	if a.Kind == release.AlertSlow {
		buckets, err := histogram(ctx, w.Source, a.Histogram, from, to)
		return gate.Slow{What: "requests", Bound: a.Bound.Seconds(), Share: share, Alpha: alertAlpha}.Judge(buckets), err
	}
	k, n, err := pair{bad: a.Bad, total: a.Total}.count(ctx, w.Source, from, to)
	return gate.Budget{What: "errors", Threshold: share, Alpha: alertAlpha}.Judge(k, n), err
}

// noneBad reports whether nothing bad was counted. What cannot be judged has none either,
// but its share is anything up to 100%.
func noneBad(j gate.Judgement) bool { return j.Bad == 0 && (j.Total == 0 || j.High < 1) }

// noneOf says so of so many.
func noneOf(total int64) string {
	if total == 0 {
		return "nothing was counted"
	}
	return fmt.Sprintf("none of %d", total)
}

// none is what a rate says that nothing was counted of.
const none = "none"

const (
	// alertAlpha is the chance of an alert by chance, at one look; leastBad is below how
	// many nobody is woken.
	alertAlpha = 0.01
	leastBad   = 3
)
