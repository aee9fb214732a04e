package rehearsal

import "github.com/clipper/clipperops/internal/ops"

// Refusal is why the change must not go on, nil when it may. Its code is ExitRefused: the
// database was not touched.
func (o *Outcome) Refusal() *ops.Failure { return nil }
