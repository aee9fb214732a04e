package rollout

import (
	"context"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

// moveOn goes to the next phase when it may, and everything is there.
func (w *Watcher) moveOn(ctx context.Context, r *Report) {
	i := w.Phases.At(r.View.State.Phase)
	if !w.AutoAdvance || i < 0 || i == len(w.Phases)-1 {
		return
	}
	s, phase, now := r.View.State, w.Phases[i], w.Controller.Stamp()
	if s.Pending != nil || !w.mayAsk(s, phase, now) || !Met(Standing(s, w.Phases, w.Release.SignOffs, r.View.Actual(), now)) {
		return
	}
	window, src := Window{From: w.Controller.Here(s.Clean), To: r.At, Before: w.Controller.Here(s.Began)}, metrics.Remember(w.Source)
	if phase.Samples > 0 && samples(ctx, src, w.Release, phase, window).Verdict != gate.Pass {
		return // how many there were says nothing of how good they were
	}
	rs := Judge(ctx, src, w.Release, phase, window)
	if !Met(rs) {
		w.notYet(ctx, r, phase, rs)
		return
	}
	change, _, err := w.Phases.Advance(r.View)
	if err != nil {
		return
	}
	change.Rule, change.Reason = AutoAdvanceRule, "everything was there"
	if err := w.make(ctx, r, change); err != nil {
		r.Problems = append(r.Problems, "moving on: "+err.Error()) // with the next tick, if it still may
		return
	}
	r.Fired = change.Rule
}

// AutoAdvanceRule is what made the watch move on.
const AutoAdvanceRule = "auto-advance"

// mayAsk reports whether the gates may be asked: once at the end of the soak and, if they
// could not tell, once more when it has lasted as long as it may. Who asks until the
// answer is yes gets it by chance.
func (w *Watcher) mayAsk(s State, p release.Phase, now time.Time) bool {
	a := s.Asked
	if a == nil || !a.Clean.Equal(s.Clean) {
		return true
	}
	end := s.Since.Add(p.Soak.Most)
	return a.Verdict == gate.Hold && p.Soak.Most > 0 && a.At.Before(end) && !now.Before(end)
}

// notYet keeps that the gates were asked, and tells whoever has to look. Where one could
// not be asked at all, nothing was looked at.
func (w *Watcher) notYet(ctx context.Context, r *Report, p release.Phase, rs []Requirement) {
	var words []string
	for _, one := range rs {
		if one.Verdict == gate.Hold && one.Kind == NeedsGate && len(one.Judgements) == 0 {
			r.Problems = append(r.Problems, "gate "+one.ID+": "+one.Words)
			return
		}
		if one.Verdict != gate.Pass {
			words = append(words, one.Title+": "+one.Words)
		}
	}
	s, verdict, text := r.View.State, Verdict(rs), strings.Join(words, "; ")
	now := w.Controller.Stamp()
	s.Asked = &Asked{At: now, Clean: s.Clean, Verdict: verdict}
	saved, err := w.Controller.Update(ctx, s, Event{Kind: KindAsked, Text: string(verdict) + ": " + text})
	if err != nil {
		r.Problems = append(r.Problems, "the gates' answer could not be kept: "+err.Error())
		return
	}
	r.View.State = saved
	a := Alert{ID: AutoAdvanceRule, Title: "the gates do not let the rollout move on by itself", Level: "warning", Words: text}
	if verdict == gate.Hold && now.Before(s.Since.Add(p.Soak.Most)) {
		a.Words += "; they are asked again " + stamp(s.Since.Add(p.Soak.Most))
	}
	r.Alerts = append(r.Alerts, a)
}
