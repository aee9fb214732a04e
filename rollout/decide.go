package rollout

import (
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/release"
)

// RefusedError is a change that the phases do not have.
type RefusedError struct{ Why, Next string }

func (e *RefusedError) Error() string { return e.Why }

// Advance is the change to the next phase.
func (p Phases) Advance(v View) (Change, release.Phase, error) {
	if len(p) == 0 {
		return Change{}, release.Phase{}, &RefusedError{Why: "the release has no phases for this environment"}
	}
	if v.State.Phase != "" && p.At(v.State.Phase) < 0 {
		return Change{}, release.Phase{}, unknownPhase(v)
	}
	next, ok := p.Next(v.State.Phase)
	if !ok {
		return Change{}, next, &RefusedError{Why: fmt.Sprintf("%s is the last phase", v.State.Phase), Next: "rollout status"}
	}
	kind := KindAdvance
	if v.State.Phase == "" {
		kind = KindStart
	}
	to := Exposure{Enabled: true, Percentage: percentage(next), Users: v.Actual().Users}
	return Change{Kind: kind, From: v.Actual(), To: to, Phase: next.Name}, next, nil
}

// Set is the change to a percentage. One to more has to be the next phase's, unless it
// is forced.
func (p Phases) Set(v View, to featureflag.Percentage, forced bool) (Change, error) {
	actual := v.Actual()
	c := Change{Kind: KindSet, From: actual, To: actual, Forced: forced}
	c.To.Percentage = to
	if to > 0 {
		c.To.Enabled = true
	}
	c.Phase = p.For(c.To)
	if c.Less() || forced {
		return c, nil
	}
	next, ok := p.Next(v.State.Phase)
	switch {
	case v.State.Phase != "" && len(p) > 0 && p.At(v.State.Phase) < 0:
		return c, unknownPhase(v)
	case !ok && len(p) > 0:
		return c, &RefusedError{Why: fmt.Sprintf("%s is the last phase", v.State.Phase), Next: "rollout status"}
	case !ok:
		return c, &RefusedError{Why: "the release has no phases for this environment", Next: fmt.Sprintf(`rollout set %s --force --reason "…"`, to)}
	case percentage(next) != to:
		return c, &RefusedError{
			Why:  fmt.Sprintf("the next phase is %s, not %s%%", phaseName(next), to),
			Next: nextCommand(v),
		}
	}
	c.Kind, c.Phase = KindAdvance, next.Name
	return c, nil
}

// Off is the change to nobody.
func (p Phases) Off(v View) Change {
	actual := v.Actual()
	return Change{Kind: KindOff, From: actual, To: Exposure{Users: actual.Users}, Phase: ""}
}

// StepDown is the change to the phase before; before the first there is nobody.
func (p Phases) StepDown(v View) Change {
	before, ok := p.Before(v.State.Phase)
	if !ok {
		return p.Off(v)
	}
	actual := v.Actual()
	to := Exposure{Enabled: actual.Enabled, Percentage: min(percentage(before), actual.Percentage), Users: actual.Users}
	return Change{Kind: KindSet, From: actual, To: to, Phase: before.Name}
}

// Users is the change of who is named, and of nothing else: what somebody set behind the
// rollout's back does not become its own by it.
func (p Phases) Users(v View, add, remove []string) Change {
	actual := v.Actual()
	to := actual
	to.Users = nil
	for _, u := range append(slices.Clone(actual.Users), add...) {
		if !slices.Contains(remove, u) {
			to.Users = append(to.Users, u)
		}
	}
	to.Users = sorted(to.Users)
	return Change{Kind: KindUsers, From: actual, To: to, Phase: v.State.Phase}
}

// Adopt is what somebody set behind our back, as the rollout's own.
func (p Phases) Adopt(v View) Change {
	actual := v.Actual()
	return Change{Kind: KindAdopt, From: v.State.Exposure, To: actual, Phase: p.For(actual)}
}

// unknownPhase refuses to move on from a phase that the release file does not have: what
// is behind it is not known.
func unknownPhase(v View) error {
	return &RefusedError{
		Why:  fmt.Sprintf("the rollout is in the phase %s, which the release has not got for this environment", v.State.Phase),
		Next: fmt.Sprintf(`rollout set %s --force --reason "…"`, v.Actual().Percentage),
	}
}

// phaseName is how a phase is told of beside its percentage.
func phaseName(p release.Phase) string {
	if p.Name == p.Percentage+"%" {
		return p.Name
	}
	return fmt.Sprintf("%s (%s%%)", p.Name, p.Percentage)
}

// nextCommand leads to the next phase.
func nextCommand(v View) string {
	if v.State.Phase == "" {
		return "rollout start"
	}
	return "rollout advance"
}
