package runbook

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// mostNamed is how many ids a line holds.
const mostNamed = 10

// strangers tells which of those whose names are to be taken back are not named: an id that
// was mistyped must not look as if it had lost the feature. Where all of them are not, it
// is refused.
func (e *exposing) strangers(ctx context.Context, remove []string) error {
	users := e.view.Actual().Users
	var strangers []string
	for _, id := range remove {
		if !slices.Contains(users, id) && !slices.Contains(strangers, id) {
			strangers = append(strangers, id)
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	what := "not named: " + Listed(strangers)
	if !slices.ContainsFunc(remove, func(id string) bool { return slices.Contains(users, id) }) {
		return &ops.Failure{
			Code: ops.ExitRefused, What: what,
			State: []string{"nothing was changed; " + counted(len(users), "user is", "users are") + " named"},
			Next:  []string{e.invocation("rollout users list")},
		}
	}
	return e.step(ctx, "names", func(_ context.Context, s *ops.Step) error {
		s.Record(finding("rollout.strangers", ops.Warn(what, "the others are taken back; who is named: "+e.invocation("rollout users list"))))
		return nil
	})
}

// Listed are ids in a line, the first ten of them.
func Listed(ids []string) string {
	if len(ids) <= mostNamed {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:mostNamed], ", "), len(ids)-mostNamed)
}
