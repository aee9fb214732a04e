package runbook

import (
	"context"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/gate"
)

// noSource is the requirement that stands for all gates when metrics cannot be asked at all.
const noSource = "metrics"

// requirements are what moving on needs, judged now, each with a result.
func (e *exposing) requirements(ctx context.Context, s *ops.Step) ([]rollout.Requirement, error) {
	rs, err := e.judged(ctx)
	for _, one := range rs {
		s.Record(e.requirementResult(one))
	}
	return rs, err
}

// judged are what moving on needs, judged now. Without metrics the gates hold.
func (e *exposing) judged(ctx context.Context) ([]rollout.Requirement, error) {
	r := &e.Release.Rollout
	rs := rollout.Standing(e.view.State, e.phases, r.SignOffs, e.view.Actual(), e.controller.Stamp())
	i := e.phases.At(e.view.State.Phase)
	if i >= 0 && (len(e.phases[i].Gates) > 0 || e.phases[i].Samples > 0) {
		gates, err := e.gates(ctx, i)
		if err != nil {
			return nil, err
		}
		rs = append(rs, gates...)
	}
	e.data.Requirements, e.data.Verdict = rs, rollout.Verdict(rs)
	return rs, ctx.Err()
}

func (e *exposing) gates(ctx context.Context, i int) ([]rollout.Requirement, error) {
	src, err := e.asked(ctx)
	if err != nil {
		return []rollout.Requirement{{
			Kind: rollout.NeedsGate, ID: noSource, Title: "metrics can be asked", Verdict: gate.Hold, Words: err.Error(),
		}}, nil
	}
	defer src.Close() //nolint:errcheck // only read
	w := rollout.Window{From: e.controller.Here(e.view.State.Clean), To: e.Now().UTC(), Before: e.controller.Here(e.view.State.Began)}
	return rollout.Judge(ctx, src, &e.Release.Rollout, e.phases[i], w), ctx.Err()
}

// requirementResult shows a requirement as a check.
func (e *exposing) requirementResult(r rollout.Requirement) ops.Result {
	out := ops.Result{ID: "rollout." + r.ID, Title: r.Title, Summary: r.Title + ": " + r.Words}
	switch r.Verdict {
	case gate.Pass:
		out.Status = ops.StatusPass
	case gate.Fail:
		out.Status = ops.StatusFail
		out.Fix = "see what fails before more users get it"
		if e.view.Actual().Percentage > 0 {
			out.Fix += "; less is always possible: " + e.invocation("rollout set 0")
		}
	default:
		out.Status = ops.StatusWarn
		out.Summary = r.Title + ": hold: " + r.Words
		out.Fix = e.holdFix(r)
	}
	for _, j := range r.Judgements {
		out.Evidence = append(out.Evidence, ops.Fact{Name: string(j.Verdict), Value: j.Words})
	}
	if len(out.Evidence) == 1 {
		out.Evidence = nil // the summary has said it
	}
	return out
}

func (e *exposing) holdFix(r rollout.Requirement) string {
	switch {
	case r.Command != "":
		return e.invocation(r.Command)
	case !r.Earliest.IsZero(): // the words have said it
	case r.Kind == rollout.NeedsGate && r.ID == noSource:
		return "clipperops.yaml, metrics; what is in force: " + e.invocation("config show")
	case r.Kind == rollout.NeedsGate:
		if i := e.phases.At(e.view.State.Phase); i >= 0 && e.phases[i].Soak.Most > 0 && e.controller.Stamp().Sub(e.view.State.Since) > e.phases[i].Soak.Most {
			return "the phase is longer than it should be, and it still cannot be told: look yourself, then " + e.invocation(`rollout advance --force --reason "…"`)
		}
		return "wait for more data, or see that metrics can be asked"
	}
	return ""
}

// RolloutGate judges what moving on needs, and changes nothing.
func RolloutGate(ctx context.Context, s *Session, o RolloutOptions) *ops.Run {
	return s.onRollout(ctx, "rollout gate", o, manner{reads: true}, func(ctx context.Context, e *exposing) error {
		var rs []rollout.Requirement
		err := e.step(ctx, "gate", func(ctx context.Context, step *ops.Step) (err error) {
			rs, err = e.requirements(ctx, step)
			return err
		})
		if err != nil {
			return err
		}
		switch rollout.Verdict(rs) {
		case gate.Fail:
			return nil // the failed result is the verdict
		case gate.Hold:
			var what, next []string
			for _, r := range unmet(rs) {
				what = append(what, r.ID)
				if r.Command != "" {
					next = append(next, e.invocation(r.Command))
				}
			}
			return &ops.Failure{
				Code: ops.ExitInconclusive, What: "hold: " + strings.Join(what, ", "),
				State: []string{"nothing was changed; exposure stays at " + e.view.Actual().String()},
				Next:  append(next, "the same command later"),
			}
		}
		if next, ok := e.phases.Next(e.view.State.Phase); ok {
			e.run.Conclusion = append(e.run.Conclusion, "Everything is there for "+next.Name+".")
			command := "rollout advance"
			if e.view.State.Phase == "" {
				command = "rollout start"
			}
			e.run.Next = append(e.run.Next, e.invocation(command))
		} else {
			e.run.Conclusion = append(e.run.Conclusion, "Every gate of the last phase passes.")
		}
		return nil
	})
}
