package preflight_test

import (
	"context"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/preflight"
)

func TestVisibility(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	expect(t, situation(t, target), "db.visibility", ops.StatusPass, "can be seen")
	role := nobody(t, target)
	advises(t, expect(t, situation(t, role), "db.visibility", ops.StatusWarn, "blind"), "GRANT pg_read_all_stats TO "+quoted(role.User))
	pgtest.Exec(t, target, "GRANT pg_read_all_stats TO "+quoted(role.User))
	expect(t, situation(t, role), "db.visibility", ops.StatusPass, "can be seen")
}

func TestPrivilegesOfAnOwner(t *testing.T) {
	t.Parallel()
	expect(t, situation(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole())), "db.privileges", ops.StatusPass, "may create in the database and change")
}

func TestPrivilegesNamesEveryRightThatIsMissing(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	owner := pgtest.NewRole(t, "")
	pgtest.Exec(t, target, "ALTER TABLE clip_submissions OWNER TO "+quoted(owner.User))
	t.Cleanup(func() { letGo(t, target, owner.User) })
	pgtest.Exec(t, target, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	role := nobody(t, target)
	t.Cleanup(func() { letGo(t, target, role.User) })

	r := expect(t, situation(t, role), "db.privileges", ops.StatusFail, "lacks")
	shows(t, r,
		"database "+target.Database+": no CREATE", "schema public: no CREATE",
		"clip_submissions: belongs to "+owner.User, "users: may not be referred to",
		"public.schema_migrations: may not be read and written")
	for _, fix := range []string{"GRANT CREATE ON DATABASE", "GRANT CREATE, USAGE ON SCHEMA", "GRANT " + quoted(owner.User) + " TO", "GRANT SELECT, REFERENCES ON users", "GRANT SELECT, INSERT, UPDATE, DELETE ON"} {
		advises(t, r, fix)
	}
	me := quoted(role.User)
	pgtest.Exec(t, target, `
		GRANT CREATE ON DATABASE `+quoted(target.Database)+` TO `+me+`;
		GRANT CREATE, USAGE ON SCHEMA public TO `+me+`;
		GRANT `+quoted(owner.User)+` TO `+me+`;
		GRANT SELECT, REFERENCES ON users TO `+me+`;
		GRANT SELECT, INSERT, DELETE ON schema_migrations TO `+me)
	// Guards against missing the right that locking the version row takes.
	r = expect(t, situation(t, role), "db.privileges", ops.StatusFail, "lacks 1 right")
	pgtest.Exec(t, target, r.Fix)
	expect(t, situation(t, role), "db.privileges", ops.StatusPass, "may create")
}

// TestPrivilegesAdvisesNobodyToJoinASuperuser guards against a fix that would
// hand out the whole server.
func TestPrivilegesAdvisesNobodyToJoinASuperuser(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	r := look(t, situation(t, nobody(t, target)), "db.privileges")
	advises(t, r, "ALTER TABLE clip_submissions OWNER TO")
}

func TestPrivilegesGoesByThePlan(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole())
	super := target
	super.User, super.Password = pgtest.Shared(t).User, pgtest.Shared(t).Password
	pgtest.Exec(t, super, `
		CREATE SCHEMA other; CREATE TABLE other.things (n int); CREATE TABLE sights (n int); CREATE TABLE never_named (n int)`)
	in := situation(t, target)
	in.Plan = preflight.Plan{From: 10, To: 12, Files: 1, Touches: preflight.Touches{
		Altered: []preflight.Table{{Schema: "other", Name: "things"}},
		Dropped: []preflight.Table{{Name: "sights"}},
		Created: []preflight.Table{{Name: "new"}},
	}}
	r := expect(t, in, "db.privileges", ops.StatusFail, "lacks 2 rights")
	shows(t, r, "other.things: belongs to "+super.User, "sights: belongs to "+super.User)
}

// letGo lets go of what a role has in the database, so that it can be dropped.
func letGo(t *testing.T, target config.Target, role string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	conn, err := pg.Connect(ctx, target, pg.ConnOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing depends on it
	for _, sql := range []string{"REASSIGN OWNED BY " + quoted(role) + " TO CURRENT_USER", "DROP OWNED BY " + quoted(role)} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Error(err)
		}
	}
}
