package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// refuse says, before anything is made, why the place cannot hold the clone.
func (m *making) refuse(ctx context.Context) error {
	var why, next []string
	if m.server.Major() < m.source.server.Major() {
		why = append(why, fmt.Sprintf("it is PostgreSQL %s, older than the target's %s", m.server.Version, m.source.server.Version))
	}
	if m.server.InRecovery {
		why = append(why, "it is a standby, on which nothing can be made")
	}
	may, err := m.mayCreate(ctx)
	if err != nil {
		return err
	}
	if !may {
		why = append(why, "the role "+m.server.User+" may not create databases")
		next = append(next, "ALTER ROLE "+pgx.Identifier{m.server.User}.Sanitize()+" CREATEDB;")
	}
	for _, look := range []func(context.Context) (why, next []string, err error){m.refuseExtensions, m.refuseRoles} {
		w, n, err := look(ctx)
		if err != nil {
			return err
		}
		why, next = append(why, w...), append(next, n...)
	}
	if len(why) == 0 {
		return nil
	}
	return &ops.Failure{
		Code: ops.ExitRefused, What: m.at.Place + " cannot hold a clone of " + m.r.Source.Database + ": " + why[0], Detail: why[1:],
		State: []string{"nothing was touched"}, Next: slices.Concat(next, m.at.Instead), Err: errors.Join(errCannotHold),
	}
}

// errCannotHold is behind every refusal of a place.
var errCannotHold = errors.New("the place cannot hold the clone")

func (m *making) mayCreate(ctx context.Context) (bool, error) {
	var may bool
	err := m.keeper.QueryRow(ctx, "SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").Scan(&may)
	if err != nil {
		return false, fmt.Errorf("asking whether databases can be created: %w", Cause(ctx, err))
	}
	return may, nil
}

func (m *making) refuseExtensions(context.Context) (why, next []string, err error) {
	return nil, nil, nil
}

func (m *making) refuseRoles(context.Context) (why, next []string, err error) { return nil, nil, nil }
