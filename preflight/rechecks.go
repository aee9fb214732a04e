package preflight

import (
	"slices"

	"github.com/clipper/clipperops/internal/ops"
)

// Rechecks returns those of Checks whose answer can have changed since they ran: what
// is asked once more right before something is changed, when a backup and a rehearsal
// have taken their time.
func Rechecks(in Input) []ops.Check {
	return slices.DeleteFunc(Checks(in), func(c ops.Check) bool { return !mayChange[c.ID] })
}

// mayChange are the ids of the checks that are asked again.
var mayChange = map[string]bool{
	"db.replication":    true,
	"activity.long_tx":  true,
	"activity.idle_tx":  true,
	"activity.locks":    true,
	"activity.prepared": true,
}
