package runbook

import (
	"context"
	"errors"
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/repair"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// applyRepair asks, looks whether everything is as it was compared, and writes the row.
func (f *flow) applyRepair(ctx context.Context, state migrate.State, before *pg.Snapshot, found *repair.Finding) error {
	err := f.confirm(ctx, ops.Question{
		Lines: []string{
			fmt.Sprintf("This sets the version row of %s: %s, from %s to %s, clean. It touches nothing else.",
				f.Config.Environment, f.Config.Target, state, repair.VersionName(found.Version)),
		},
		Word: "yes",
	})
	if err != nil {
		return err
	}
	err = f.step(ctx, "set", func(ctx context.Context, s *ops.Step) error {
		now, err := f.snapshot(ctx)
		if err != nil {
			return err
		}
		if !before.Equal(now) {
			return &ops.Failure{
				Code:  ops.ExitRefused,
				What:  "the schema has changed since it was compared, by somebody else",
				State: []string{"nothing was changed by this run"},
				Next:  []string{"run the same command again: it compares what is there now"},
			}
		}
		return f.setVersion(ctx, s, state, found.Version)
	})
	if err != nil {
		return err
	}
	f.run.Conclusion = append(f.run.Conclusion, fmt.Sprintf("Repaired: the database is at %s, clean.", repair.VersionName(found.Version)))
	f.run.Next = append(f.run.Next, f.invocation("migrate status"), f.invocation("migrate"))
	return nil
}

// setVersion writes the version row, if it still says what it said.
func (f *flow) setVersion(ctx context.Context, s *ops.Step, from migrate.State, to int64) error {
	select {
	case <-f.lock.Lost():
		return &ops.Failure{
			Code: ops.ExitBusy, What: "the lock was lost: another operator may be at work",
			State: []string{"nothing was changed"}, Next: []string{"run the same command again"},
		}
	default:
	}
	now, err := migrate.ReadState(ctx, f.conn)
	if err != nil {
		return nothingChanged(err)
	}
	if now.Version != from.Version || now.Dirty != from.Dirty || now.Rows != from.Rows {
		return &ops.Failure{
			Code:   ops.ExitRefused,
			What:   "the version row has changed meanwhile",
			Detail: []string{fmt.Sprintf("it said %s, and says %s", from, now)},
			State:  []string{"nothing was changed by this run"},
			Next:   []string{"run the same command again"},
		}
	}
	f.touched = true
	if err := migrate.SetVersion(ctx, f.conn, to, false); err != nil {
		return f.unwritten(ctx, now, err)
	}
	f.record.reached(ctx, f.run.ID, f, to)
	s.Record(finding("repair.set", ops.Pass(fmt.Sprintf("the version row: %s → %s, clean", from, repair.VersionName(to)))))
	return nil
}

// unwritten says, where the role may not write the version row, who may.
func (f *flow) unwritten(ctx context.Context, state migrate.State, err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "42501" { // insufficient_privilege
		return err
	}
	failure := *ops.AsFailure(err)
	failure.Err = err
	var owner string
	table := pgx.Identifier{state.Schema, migrate.VersionTable}
	if f.conn.QueryRow(ctx, "SELECT tableowner::text FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2", table[0], table[1]).Scan(&owner) == nil {
		failure.Next = []string{
			fmt.Sprintf("run the same command as %s, who owns %s", owner, migrate.VersionTable),
			fmt.Sprintf("or let this role: GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON %s TO %s;", table.Sanitize(), pgx.Identifier{f.Config.Target.User}.Sanitize()),
		}
	}
	return &failure
}
