package preflight_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/preflight"
	"github.com/clipper/clipperops/release"
)

func TestPrerequisiteTables(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	expect(t, situation(t, target), "prereq.tables", ops.StatusPass, "4 tables with every column")
	pgtest.Exec(t, target, `ALTER TABLE users DROP COLUMN role; DROP TABLE comments`)
	in := situation(t, target)
	r := expect(t, in, "prereq.tables", ops.StatusFail, "1 table and 1 column the release stands on missing")
	shows(t, r, "column users.role: does not exist", "table comments: does not exist in schema public")
	expect(t, in, "prereq.moderators", ops.StatusSkip, "prereq.tables")

	in.Plan = preflight.Plan{Files: 7, Before: preflight.Touches{Opaque: []string{"000009_x.up.sql line 3: DO"}}}
	expect(t, in, "prereq.tables", ops.StatusWarn, "missing")
	in.Plan.Before = preflight.Touches{
		Created: []preflight.Table{{Name: "comments"}},
		Altered: []preflight.Table{{Schema: "public", Name: "users"}},
	}
	expect(t, in, "prereq.tables", ops.StatusPass, "4 tables")
}

func TestPrerequisiteExtensions(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole())
	in := situation(t, target)
	expect(t, in, "prereq.extensions", ops.StatusPass, "no extension is needed")

	in.Plan = preflight.Plan{Files: 1, Touches: preflight.Touches{Extensions: []string{"plpgsql", "no_such_thing", "pg_stat_statements"}}}
	r := expect(t, in, "prereq.extensions", ops.StatusFail, "2 extensions cannot be had")
	shows(t, r, "extension no_such_thing: is not available", "extension pg_stat_statements: may only be created by a superuser")
	advises(t, r, `CREATE EXTENSION "pg_stat_statements";   as a superuser`)

	in.Server.Superuser = true
	in.Plan.Touches.Extensions = []string{"pg_stat_statements"}
	expect(t, in, "prereq.extensions", ops.StatusPass, "may be created")
}

// TestAnExtensionThatIsTrustedNeedsNoSuperuser goes by what PostgreSQL 13 brought.
func TestAnExtensionThatIsTrustedNeedsNoSuperuser(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	in.Plan = preflight.Plan{Files: 1, Touches: preflight.Touches{Extensions: []string{"pgcrypto"}}}
	if in.Server.Major() >= 13 {
		expect(t, in, "prereq.extensions", ops.StatusPass, "may be created by this role")
	}
	in.Server.VersionNum = 120022
	expect(t, in, "prereq.extensions", ops.StatusFail, "1 extension cannot be had")
}

func TestAnExtensionTheReleaseNeedsAndNoFileCreates(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper()))
	in.Release = needing(t, func(p *release.Prerequisites) { p.Extensions = []string{"pgcrypto"} })
	advises(t, expect(t, in, "prereq.extensions", ops.StatusFail, "1 extension cannot be had"), `CREATE EXTENSION "pgcrypto";`)
	if _, err := in.Conn.Exec(t.Context(), `CREATE EXTENSION pgcrypto`); err != nil {
		t.Fatal(err)
	}
	expect(t, in, "prereq.extensions", ops.StatusPass, "installed")
}

func TestPrerequisiteRoles(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper()))
	expect(t, in, "prereq.roles", ops.StatusPass, "no role is named")
	in.Plan = preflight.Plan{Files: 1, Touches: preflight.Touches{Roles: []string{"public", "current_user", in.Server.User}}}
	expect(t, in, "prereq.roles", ops.StatusPass, "1 role named")
	in.Plan.Touches.Roles = append(in.Plan.Touches.Roles, "no such role")
	advises(t, expect(t, in, "prereq.roles", ops.StatusFail, "1 role missing"), `CREATE ROLE "no such role";`)
	in.Plan.Touches.Opaque = []string{"000011_x.up.sql line 1: DO"}
	expect(t, in, "prereq.roles", ops.StatusWarn, "1 role missing")
	in.Release = needing(t, func(p *release.Prerequisites) { p.Roles = []string{"no such role"} })
	expect(t, in, "prereq.roles", ops.StatusFail, "1 role missing")
}

func TestPrerequisiteModerators(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	expect(t, situation(t, target), "prereq.moderators", ops.StatusPass, "at least one active moderator")
	pgtest.Exec(t, target, `UPDATE users SET is_banned = true WHERE role <> 'user'`)
	advises(t, expect(t, situation(t, target), "prereq.moderators", ops.StatusWarn, "0 found, at least 1 needed"), "UPDATE users SET role")
}

// TestAReleasesOwnQuestions shows what another release may ask, and that it
// cannot write while asking.
func TestAReleasesOwnQuestions(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper()))
	none := int64(0)
	in.Release = needing(t, func(p *release.Prerequisites) {
		p.Probes = []release.Probe{
			{ID: "rows", Title: "no admins", SQL: "SELECT username, role FROM users WHERE role = 'admin'", Expect: release.Expectation{NoRows: true}, Fix: "x", Severity: release.SeverityWarn},
			{ID: "most", Title: "no users", SQL: "SELECT count(*) FROM users", Expect: release.Expectation{AtMost: &none}, Fix: "x"},
			{ID: "silent", Title: "a number", SQL: "SELECT 'many'", Expect: release.Expectation{AtMost: &none}, Fix: "x"},
			{ID: "write", Title: "nothing", SQL: "DELETE FROM users RETURNING 1", Expect: release.Expectation{NoRows: true}, Fix: "x"},
			{ID: "good", Title: "all is well", SQL: "SELECT 1 WHERE false", Expect: release.Expectation{NoRows: true}, Fix: "x"},
		}
	})
	shows(t, expect(t, in, "prereq.rows", ops.StatusWarn, "found, and none should be"), "username ", "role admin")
	expect(t, in, "prereq.most", ops.StatusFail, "at most 0 allowed")
	expect(t, in, "prereq.silent", ops.StatusFail, "not answered by one number")
	expect(t, in, "prereq.write", ops.StatusFail, "read-only transaction")
	expect(t, in, "prereq.good", ops.StatusPass, "all is well")
}

// needing is the moderation release with other prerequisites.
func needing(t *testing.T, change func(*release.Prerequisites)) *release.Release {
	t.Helper()
	r := *release.Moderation()
	change(&r.Prerequisites)
	return &r
}
