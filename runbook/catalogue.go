package runbook

import (
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollback"
)

// Catalogue lists the checks that only a flow makes: the proof of a rollback.
func Catalogue() []ops.Check { return rollback.Prove(rollback.ProveInput{}) }
