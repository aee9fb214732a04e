package rehearsal

import "github.com/clipper/clipperops/internal/ops"

// Results are the findings of the rehearsal, without titles: docs/rehearsal.md says what
// each id means.
func (o *Outcome) Results() []ops.Result { return nil }
