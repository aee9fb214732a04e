package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestWhoMayNotWriteIsToldWhatLetsThem: a change that the database's user may not make says
// so, and what to type for it; less also what turns the feature off without it.
func TestWhoMayNotWriteIsToldWhatLetsThem(t *testing.T) {
	t.Parallel()
	login := pgtest.NewRole(t, "")
	target := pgtest.New(t, pgtest.Empty())
	e := newExposed(t, target)
	owner := rollsOut(t, target, e)
	owner.wants(ops.ExitDone, "rollout start --env staging")
	owner.wants(ops.ExitDone, "rollout users add alice bob --env staging")
	owner.wants(ops.ExitDone, "rollout set 50 --env staging")
	role := pgx.Identifier{login.User}.Sanitize()
	pgtest.Exec(t, target, "GRANT USAGE ON SCHEMA clipperops TO "+role)
	pgtest.Exec(t, target, "GRANT SELECT ON ALL TABLES IN SCHEMA clipperops TO "+role)
	as := target
	as.User, as.Password = login.User, login.Password
	reader := rollsOut(t, as, e)

	const (
		may     = "may not write to schema clipperops"
		grants  = "GRANT USAGE ON SCHEMA clipperops TO .*GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA clipperops TO "
		without = "UPDATE clipperops.feature_flags SET enabled = false WHERE key = 'twitch_moderation';"
	)
	for _, less := range []string{"off", "set 10"} {
		text := reader.wants(ops.ExitFailed, "rollout "+less+" --env staging", may, "permission denied", grants, without, "stop the service", "exposure stays at 50%")
		if strings.Contains(text, "next: clipperops rollout status") {
			t.Errorf("what does not help is said to be next:\n%s", text)
		}
	}
	for _, other := range []string{"users remove alice", "users add carol", "advance --force --reason x", "set 100 --force --reason x", "pause"} {
		text := reader.wants(ops.ExitFailed, "rollout "+other+" --env staging", may, grants)
		if strings.Contains(text, without) {
			t.Errorf("%s is no reason to turn it off:\n%s", other, text)
		}
	}
	pgtest.Exec(t, target, "UPDATE clipperops.feature_flags SET percentage = 40")
	reader.wants(ops.ExitFailed, "rollout adopt --reason x --env staging", may, grants)
	owner.wants(ops.ExitDone, "rollout adopt --reason x --env staging")
	owner.wants(ops.ExitDone, "rollout advance --force --reason x --env staging")
	reader.wants(ops.ExitFailed, "rollout signoff e2e-tests --by maria --env staging", may, grants)
	reader.wants(ops.ExitFailed, "rollout watch --once --env staging", may, grants)

	pgtest.Exec(t, target, "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA clipperops TO "+role) // what was said is enough
	reader.wants(ops.ExitDone, "rollout signoff e2e-tests --by maria --env staging")
	reader.wants(ops.ExitDone, "rollout watch --once --env staging")
	reader.wants(ops.ExitDone, "rollout users remove alice --env staging", "2 → 1 users named")
	reader.wants(ops.ExitDone, "rollout off --env staging", "100% → off")
}

// TestWhoMayNotMakeTheRecordIsToldWhoMay: the first command that changes something makes
// the tables, and not everybody may.
func TestWhoMayNotMakeTheRecordIsToldWhoMay(t *testing.T) {
	t.Parallel()
	login := pgtest.NewRole(t, "")
	target := pgtest.New(t, pgtest.Empty())
	as := target
	as.User, as.Password = login.User, login.Password
	p := newProgram(t, as)
	p.wants(ops.ExitFailed, "rollout start --env staging", "may not make the rollout's tables", "GRANT CREATE ON DATABASE ", "nothing was changed")
	pgtest.Exec(t, target, "GRANT CREATE ON DATABASE "+pgx.Identifier{target.Database}.Sanitize()+" TO "+pgx.Identifier{login.User}.Sanitize())
	p.wants(ops.ExitDone, "rollout start --env staging", "off → 100%")

	pgtest.Exec(t, target, "DROP TABLE clipperops.rollout_samples")
	pgtest.Exec(t, target, "REVOKE CREATE ON DATABASE "+pgx.Identifier{target.Database}.Sanitize()+" FROM "+pgx.Identifier{login.User}.Sanitize())
	pgtest.Exec(t, target, "ALTER SCHEMA clipperops OWNER TO "+pgx.Identifier{target.User}.Sanitize())
	p.wants(ops.ExitFailed, "rollout pause --env staging", "may not make the rollout's tables", "GRANT CREATE ON DATABASE .*GRANT USAGE, CREATE ON SCHEMA clipperops TO ")
	pgtest.Exec(t, target, "GRANT CREATE ON DATABASE "+pgx.Identifier{target.Database}.Sanitize()+" TO "+pgx.Identifier{login.User}.Sanitize())
	pgtest.Exec(t, target, "GRANT USAGE, CREATE ON SCHEMA clipperops TO "+pgx.Identifier{login.User}.Sanitize())
	p.wants(ops.ExitDone, "rollout pause --env staging", "Paused")
}

// TestADatabaseThatTakesNoWritesIsSaidToBeOne: a standby, or one that is set so.
func TestADatabaseThatTakesNoWritesIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	p := newProgram(t, target)
	p.wants(ops.ExitDone, "rollout start --env staging")
	pgtest.Exec(t, target, "ALTER DATABASE "+pgx.Identifier{target.Database}.Sanitize()+" SET default_transaction_read_only = on")
	p.wants(ops.ExitFailed, "rollout off --env staging", "the database takes no writes", "primary", "UPDATE clipperops.feature_flags", "stop the service", "exposure stays at 100%")
	p.wants(ops.ExitFailed, "rollout pause --env staging", "the database takes no writes", "primary")
}
