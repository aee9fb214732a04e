package runbook

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/ops"
)

// unmade is a store for those who only read: one whose table nobody has made yet holds no
// flag.
type unmade struct{ featureflag.Writer }

// Load implements featureflag.Store.
func (u unmade) Load(ctx context.Context) (featureflag.State, error) {
	state, err := u.Writer.Load(ctx)
	if code := serverCode(err); code == "42P01" || code == "3F000" { // undefined_table, invalid_schema_name
		return featureflag.State{}, nil
	}
	return state, err
}

// unreadable says what lets the database's user read, where that is what is missing.
func (s *Session) unreadable(err error) error {
	if serverCode(err) != "42501" { // insufficient_privilege
		return err
	}
	user := s.role()
	return &ops.Failure{
		What: ops.AsFailure(err).What, State: []string{"nothing was changed"}, Err: err,
		Next: []string{"as the owner of schema clipperops: GRANT USAGE ON SCHEMA clipperops TO " + user + "; GRANT SELECT ON ALL TABLES IN SCHEMA clipperops TO " + user + ";"},
	}
}

// serverCode is the SQLSTATE of an error, "" for one that is not the server's.
func serverCode(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}
