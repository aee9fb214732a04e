package runbook

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/instances"
)

// already is the end of a command that found the flag as it is wanted. Whoever asked for
// it before may not have seen it arrive: services that do not follow are made to read it
// again, and are waited for as after a change.
func (e *exposing) already(ctx context.Context) error {
	d := rollout.Done{Change: rollout.Change{To: e.view.Actual()}, Flag: e.view.Flag}
	err := e.step(ctx, "instances", func(ctx context.Context, s *ops.Step) error {
		if len(e.Config.Rollout.Instances) == 0 {
			if e.controller.Apply != nil {
				d.Applied = e.controller.Apply(ctx)
			}
			e.showFollowed(s, d)
			return ctx.Err()
		}
		if views, err := e.controller.Instances.Ask(ctx, e.controller.Flag); err != nil || !follow(views, e.view) {
			if e.controller.Apply != nil {
				d.Applied = e.controller.Apply(ctx)
			}
		}
		d.Followed, d.Asked = e.controller.Instances.Follow(ctx, e.view.Flag, e.o.Propagation, following(s))
		e.data.Instances = d.Followed.Instances
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e.showFollowed(s, d)
		return nil
	})
	if err != nil {
		return err
	}
	if !d.Complete() {
		return e.incomplete(d)
	}
	e.run.Conclusion = append(e.run.Conclusion, fmt.Sprintf("%s is %s already; nothing was changed.", e.controller.Flag, stands(e.view.Actual())))
	return nil
}

// again is the command that has services read the flag again. The one that moved on would move
// on once more.
func (e *exposing) again(c rollout.Change) string {
	switch {
	case c.Kind != rollout.KindStart && c.Kind != rollout.KindAdvance && c.Kind != rollout.KindAdopt:
		return "the same command again"
	case !c.To.Enabled:
		return e.invocation("rollout off")
	}
	return e.invocation("rollout set " + c.To.Percentage.String())
}

// follow reports whether all of them see the flag as it is. Where none is found nobody does.
func follow(views []instances.View, v rollout.View) bool {
	return len(views) > 0 && !slices.ContainsFunc(views, func(one instances.View) bool { return !one.Sees(v.Flag) })
}

// following shows how many instances follow.
func following(s *ops.Step) func(follow, of int) {
	return func(follow, of int) {
		s.Progress(ops.Progress{Done: int64(follow), Total: int64(of), Unit: ops.UnitInstances})
	}
}

// showFollowed records who follows and what went wrong beside the change.
func (e *exposing) showFollowed(s *ops.Step, d rollout.Done) {
	if d.Recorded != nil {
		s.Record(finding("rollout.recorded", ops.Warn("the change could not be recorded: "+d.Recorded.Error(), e.invocation(`rollout adopt --reason "…"`)+" once the database answers")))
	}
	if d.Applied != nil {
		s.Record(finding("rollout.applied", ops.Fail("services could not be made to read the flag again: "+d.Applied.Error(), "run it by hand: "+strings.Join(e.Config.Rollout.Apply, " "))))
	}
	n, behind := len(d.Followed.Instances), len(d.Followed.Behind)
	switch {
	case len(e.Config.Rollout.Instances) == 0:
		s.Record(finding("rollout.instances", ops.Warn("no instances are configured, so nobody confirms", "set rollout.instances in clipperops.yaml")))
	case d.Asked != nil:
		s.Record(finding("rollout.instances", ops.Fail("no instance could be found to ask: "+d.Asked.Error(), e.invocation("rollout status"))))
	case n == 0:
		s.Record(finding("rollout.instances", ops.Fail("no instance was found where rollout.instances says they are", e.invocation("rollout status"))))
	case behind > 0:
		r := ops.Fail(fmt.Sprintf("%d of %d instances do not follow", behind, n), "see that they run and read the store, or take those that are gone out of rollout.instances; "+e.invocation("rollout status"))
		for _, v := range d.Followed.Behind {
			r.Evidence = append(r.Evidence, ops.Fact{Name: instanceName(v), Value: seen(v)})
		}
		s.Record(finding("rollout.instances", r))
	case d.Wrote == 0:
		s.Record(finding("rollout.instances", ops.Pass(fmt.Sprintf("%d of %d instances confirm", n, n))))
	default:
		s.Record(finding("rollout.instances", ops.Pass(fmt.Sprintf("%d of %d instances confirm, %s after the command began to write", n, n, reports.Duration(d.Followed.Took)))))
	}
}

// showInstances records how every instance sees the flag.
func (e *exposing) showInstances(ctx context.Context, s *ops.Step) error {
	if len(e.Config.Rollout.Instances) == 0 {
		s.Record(finding("rollout.instances", ops.Skip("no instances are configured: set rollout.instances in clipperops.yaml")))
		return nil
	}
	views, err := e.controller.Instances.Ask(ctx, e.controller.Flag)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.Record(finding("rollout.instances", ops.Warn("no instance could be asked: "+err.Error(), "see rollout.instances in clipperops.yaml")))
		return nil
	}
	e.data.Instances = views
	for _, v := range views {
		r := ops.Pass(instanceName(v) + ": " + seen(v))
		if !v.Sees(e.view.Flag) {
			r = ops.Warn(instanceName(v)+" does not follow: "+seen(v.Against(e.view.Flag)), "see that it runs and reads the store")
		}
		s.Record(finding("rollout.instance", r))
	}
	return nil
}

func instanceName(v instances.View) string {
	if v.Name != "" {
		return v.Name + " (" + v.Address + ")"
	}
	return v.Address
}

// seen is how an instance sees the flag, or why that is not known.
func seen(v instances.View) string {
	if !v.Known {
		return v.Problem
	}
	text := v.Percentage.String() + "%"
	if v.Users > 0 {
		text += fmt.Sprintf(" and %d users", v.Users)
	}
	if !v.Enabled {
		text = "off"
	}
	if v.Problem != "" {
		text += "; " + v.Problem
	}
	return text
}
