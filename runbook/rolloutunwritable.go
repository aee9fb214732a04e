package runbook

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
)

// unwritable says why the database does not take what is written, and what lets it.
func (s *Session) unwritable(err error) error {
	var blocked *blockedError
	if errors.As(err, &blocked) {
		return blocked.failure(err)
	}
	f := &ops.Failure{Err: err}
	switch serverCode(err) {
	case "42501": // insufficient_privilege
		f.What = s.role() + " may not write to schema clipperops"
		f.Next = s.writeGrants()
	case "25006": // read_only_sql_transaction
		f.What = "the database takes no writes: it is a standby, or set read-only"
		f.Next = []string{"name the primary in clipperops.yaml, database.host, or in DB_HOST; then the same command again"}
	default:
		return err
	}
	f.Detail = []string{err.Error()}
	return f
}

// role is the database's user as SQL writes it.
func (s *Session) role() string { return pgx.Identifier{s.Config.Target.User}.Sanitize() }

// writeGrants are what lets the database's user change the rollout.
func (s *Session) writeGrants() []string {
	return []string{
		"as the owner of schema clipperops: GRANT USAGE ON SCHEMA clipperops TO " + s.role() +
			"; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA clipperops TO " + s.role() + ";",
		"or the same command as a user who may: database.user in clipperops.yaml, or DB_USER",
	}
}

// unready is why the record could not be made ready: what is not there yet has to be made,
// which is another right than to write to it.
func (s *Session) unready(ctx context.Context, conn *pgx.Conn, err error) error {
	if serverCode(err) != "42501" {
		return s.unwritable(err)
	}
	tables := []string{"rollouts", "rollout_events", "rollout_samples"}
	if s.Config.Rollout.Store == "postgres" {
		tables = append(tables, "feature_flags")
	}
	var schema, all bool
	if conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'clipperops'),
		(SELECT count(*) = cardinality($1::text[]) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'clipperops' AND c.relname = ANY ($1))`,
		tables).Scan(&schema, &all) != nil || all {
		return s.unwritable(err)
	}
	f := &ops.Failure{
		What:   s.role() + " may not make the rollout's tables in schema clipperops",
		Detail: []string{err.Error()}, Err: err,
		Next: []string{
			"as the owner of the database: GRANT CREATE ON DATABASE " + pgx.Identifier{s.Config.Target.Database}.Sanitize() + " TO " + s.role() + ";",
			"or the first command as a user who may, who then owns them",
		},
	}
	if schema {
		f.Next[0] += " GRANT USAGE, CREATE ON SCHEMA clipperops TO " + s.role() + ";"
	}
	return f
}

// takesBack reports whether a change takes the feature from users: when it cannot be made,
// what else does so is said.
func takesBack(c rollout.Change, err error) bool {
	return (c.Kind == rollout.KindOff || c.Kind == rollout.KindSet) && c.Less() && !errors.Is(err, context.Canceled)
}
