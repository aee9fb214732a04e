package rollout

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

// surveillance is the name under which a sample holds its counts.
const surveillance = "surveillance"

// judge asks every rule, and the surveillance.
func (w *Watcher) judge(r *Report, clean time.Time) {
	for _, rule := range w.Release.Rollback {
		share, err := release.ParseShare(rule.Above)
		if err != nil {
			continue
		}
		var ticks []gate.Tick
		for _, s := range append(slices.Clone(w.samples), r.Sample) {
			if t, ok := s.Counts[rule.ID]; ok && s.At.After(clean) {
				ticks = append(ticks, t)
			}
		}
		sustained := gate.Sustained{Name: rule.ID, What: "errors", Above: share, For: rule.For, Step: min(w.Every, rule.For)}
		r.Rules[rule.ID] = sustained.Watch(ticks, r.At)
	}
	cusum := w.evidence(clean)
	if cusum == nil {
		return
	}
	t := r.Sample.Counts[surveillance]
	if t.Known {
		cusum.Add(t.Bad, t.Total)
	}
	if cusum.Alarm() { // also without data, which clears nothing: what it asks for may not have been possible
		r.Rules[surveillance] = gate.Judgement{
			Verdict: gate.Fail, Bad: t.Bad, Total: t.Total,
			Words: fmt.Sprintf("evidence 10^%.1f, and 10^%.1f is enough", cusum.Evidence(), math.Log10(cusum.Limit)),
		}
	}
	r.Evidence = cusum.Evidence()
	r.Sample.Evidence = cusum
}

// evidence is the surveillance as the last sample left it, of which it is a part: what
// could not be kept was not counted. One of other parameters than the release has now
// tells nothing.
func (w *Watcher) evidence(clean time.Time) *gate.CUSUM {
	cusum := w.fresh()
	if cusum == nil {
		return nil
	}
	for _, one := range slices.Backward(w.samples) {
		if !one.At.After(clean) {
			break
		}
		if e := one.Evidence; e != nil {
			if e.Null == cusum.Null && e.Limit == cusum.Limit && slices.Equal(e.Alternatives, cusum.Alternatives) && e.Check() == nil {
				cusum.Logs = slices.Clone(e.Logs)
			}
			break
		}
	}
	return cusum
}

// fresh is a surveillance that has seen nothing; nil where the release has none.
func (w *Watcher) fresh() *gate.CUSUM {
	s := w.Release.Surveillance
	healthy, err := release.ParseShare(s.Healthy)
	if s.Total == "" || err != nil {
		return nil
	}
	var alternatives []float64
	for _, text := range s.Alternatives {
		share, err := release.ParseShare(text)
		if err != nil {
			return nil
		}
		alternatives = append(alternatives, share)
	}
	c := gate.NewCUSUM(healthy, alternatives, float64(s.Evidence))
	return &c
}
