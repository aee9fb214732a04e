package preflight

import (
	"context"

	"github.com/clipper/clipperops/internal/ops"
)

// blind is what an activity check says that could have missed something.
const blind = "what other roles do cannot be seen without pg_read_all_stats (db.visibility)"

// sees reports whether other roles' activity can be seen; the server answers once.
func (i *inspection) sees(ctx context.Context) (bool, error) {
	if i.sight == nil {
		var clear bool
		err := i.Conn.QueryRow(ctx, `SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')`).Scan(&clear)
		if err != nil {
			return false, err
		}
		i.sight = &clear
	}
	return *i.sight, nil
}

func checkVisibility(ctx context.Context, i *inspection) ops.Result {
	clear, err := i.sees(ctx)
	switch {
	case err != nil:
		return unanswered(err)
	case !clear:
		return ops.Warn("the role cannot see what other roles do, so the activity checks are blind",
			"GRANT pg_read_all_stats TO "+quote(i.Server.User)+";   as a superuser",
			ops.Fact{Name: "role", Value: i.Server.User})
	}
	return ops.Pass("the activity of every role can be seen")
}
