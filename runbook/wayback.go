package runbook

import (
	"fmt"

	"al.essio.dev/pkg/shellescape"

	"github.com/clipper/clipperops/migrate"
)

// undo is how a migration can be undone, as far as the rehearsal found out: wholly, in
// part, or not but by its backup.
func (f *flow) undo(plan *migrate.Plan, saved migrate.Backup, r rehearsed) string {
	reaches, why := r.wayBack(plan)
	foreign := ""
	if len(plan.Foreign()) > 0 {
		foreign = " --allow-foreign"
	}
	if reaches < 0 {
		reaches, why = plan.To, "no rollback leads to before the first migration"
	}
	there := f.invocation(fmt.Sprintf("rollback --target %d%s", reaches, foreign))
	switch {
	case reaches == plan.To:
		text := "there is no way back: " + why
		if saved.Path != "" {
			text += "\nwhat was there before is in the backup: " + f.invocation(fmt.Sprintf("backup restore %s --into %s",
				shellescape.Quote(saved.Path), shellescape.Quote(f.Config.Target.Database+"_before")))
		}
		return text
	case reaches != plan.From:
		return fmt.Sprintf("undo with, as far as it goes: %s   (%s cannot be reached: %s)", there, version(plan.From), why)
	case why != "":
		return fmt.Sprintf("undo with: %s   (%s)", there, why)
	}
	return "undo with: " + there
}

// forwardAgain is how a rollback can be undone, as far as the rehearsal found out.
func (f *flow) forwardAgain(plan *migrate.Plan, r rehearsed) string {
	reaches, why := r.wayBack(plan)
	there := f.invocation(fmt.Sprintf("migrate --target %d", reaches))
	switch {
	case reaches == plan.To:
		return "the way forward is not open: " + why
	case reaches != plan.From:
		return fmt.Sprintf("forward again, as far as it goes: %s   (%s cannot be reached: %s)", there, version(plan.From), why)
	case why != "":
		return fmt.Sprintf("forward again: %s   (%s)", there, why)
	}
	return "forward again: " + there
}

// wayBack is how far the way back over the plan leads, and what keeps it from leading
// wholly back. Of a change that was not rehearsed nothing else is known than that it should.
func (r rehearsed) wayBack(plan *migrate.Plan) (reaches int64, why string) {
	if r.outcome == nil {
		return plan.From, ""
	}
	return r.outcome.WayBack()
}
