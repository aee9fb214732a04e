package main

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestWhoOnlyReadsNeedsNoMoreThanSelect: the commands that look make nothing, neither
// tables the first time nor a record of what they find, and say what they may not read.
func TestWhoOnlyReadsNeedsNoMoreThanSelect(t *testing.T) {
	t.Parallel()
	login := pgtest.NewRole(t, "")
	target := pgtest.New(t, pgtest.Empty())
	e := newExposed(t, target)
	pgtest.Exec(t, target, "DROP SCHEMA clipperops CASCADE")
	as := target
	as.User, as.Password = login.User, login.Password
	reader, role := rollsOut(t, as, e), pgx.Identifier{login.User}.Sanitize()

	reader.wants(ops.ExitDone, "rollout status --env staging", "is off; the rollout was not started")
	reader.wants(ops.ExitDone, "rollout gate --env staging", "the rollout was not started", "Everything is there for staging validation")
	reader.wants(ops.ExitDone, "rollout plan --env staging", `staging validation\s+state\s+next .none is under way.`)
	reader.wants(ops.ExitDone, "rollout history --env staging", "nothing was done to the rollout yet")
	reader.wants(ops.ExitDone, "rollout users list --env staging", "nobody is named")
	owner := rollsOut(t, target, e)
	for _, looks := range []string{"status", "gate", "plan", "history", "users list"} { // whoever may make it does not either
		owner.wants(ops.ExitDone, "rollout "+looks+" --env staging")
	}
	if pgtest.QueryValue[bool](t, target, "SELECT to_regnamespace('clipperops') IS NOT NULL") {
		t.Fatal("somebody who looked made the schema")
	}

	owner.wants(ops.ExitDone, "rollout start --env staging")
	owner.wants(ops.ExitDone, "rollout users add alice --env staging")
	const grants = "GRANT USAGE ON SCHEMA clipperops TO .*GRANT SELECT ON ALL TABLES IN SCHEMA clipperops TO "
	for _, looks := range []string{"status", "gate", "plan", "history", "users list"} {
		reader.wants(ops.ExitFailed, "rollout "+looks+" --env staging", "permission denied", grants)
	}
	pgtest.Exec(t, target, "GRANT USAGE ON SCHEMA clipperops TO "+role)
	pgtest.Exec(t, target, "GRANT SELECT ON ALL TABLES IN SCHEMA clipperops TO "+role)
	reader.wants(ops.ExitDone, "rollout status --env staging", "in the phase staging validation", "one .*: 100%")
	reader.wants(ops.ExitInconclusive, "rollout gate --env staging", "hold: ")
	reader.wants(ops.ExitDone, "rollout plan --env staging", `staging validation\s+state\s+▶ now`)
	reader.wants(ops.ExitDone, "rollout history --env staging", "start")
	reader.wants(ops.ExitDone, "rollout users list --env staging", "alice")

	// A change that somebody began and was killed in: it is told, and stays as it is.
	pgtest.Exec(t, target, `UPDATE clipperops.rollouts SET state = jsonb_set(state, '{pending}',
		'{"kind": "set", "from": {"enabled": true, "percentage": 100}, "to": {"enabled": true, "percentage": 10}, "phase": "", "by": "bob", "at": "2026-01-02T03:04:05Z"}')`)
	const before = "SELECT version FROM clipperops.rollouts"
	version := pgtest.QueryValue[int64](t, target, before)
	reader.wants(ops.ExitDone, "rollout status --env staging", "bob began to set .*; it is not done")
	owner.wants(ops.ExitInconclusive, "rollout gate --env staging", "bob began to set .*; it is not done")
	if now := pgtest.QueryValue[int64](t, target, before); now != version {
		t.Errorf("somebody who looked wrote version %d over %d", now, version)
	}
}
