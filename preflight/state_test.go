package preflight_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestStateSaysWhereTheReleaseStands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version int64
		want    string
	}{
		"before": {10, "version 10, clean; before the moderation release, 5 migrations to come"},
		"inside": {49, "inside the moderation release, 3 of its 5 migrations to come"},
		"at":     {97, "the moderation release is applied"},
		"past":   {111, "the moderation release is applied, and 111 is past it"},
		"below":  {9, "below the moderation release's floor 10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := situation(t, pgtest.New(t, pgtest.WithClipper()))
			in.Versions = append([]uint64{9, 111}, chain...)
			in.State.Version = c.version
			expect(t, in, "state.version", ops.StatusPass, c.want)
		})
	}
}

func TestStateWithoutAVersion(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	expect(t, situation(t, target), "state.version", ops.StatusPass, "schema_migrations does not exist: a new database")
	pgtest.Exec(t, target, `CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)`)
	expect(t, situation(t, target), "state.version", ops.StatusPass, "schema_migrations is empty: a new database")
}

// TestStateOfAClipperThatLostItsVersion guards against a database restored
// without its version, which would be migrated from the first file.
func TestStateOfAClipperThatLostItsVersion(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	pgtest.Exec(t, target, `CREATE SCHEMA elsewhere; ALTER TABLE schema_migrations SET SCHEMA elsewhere`)
	r := expect(t, situation(t, target), "state.version", ops.StatusFail, "the tables of an older database are there")
	shows(t, r, "table users: exists", "exists in schema elsewhere")
	advises(t, r, "search_path begin with elsewhere")
	pgtest.Exec(t, target, `DROP TABLE elsewhere.schema_migrations`)
	r = expect(t, situation(t, target), "state.version", ops.StatusFail, "older database")
	_, sql, _ := strings.Cut(r.Fix, "when it is 10: ")
	pgtest.Exec(t, target, sql)
	expect(t, situation(t, target), "state.version", ops.StatusPass, "version 10, clean")
}

func TestStateOfSeveralRows(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	pgtest.Exec(t, target, `INSERT INTO schema_migrations VALUES (49, true)`)
	in := situation(t, target)
	r := expect(t, in, "state.version", ops.StatusFail, "has 2 rows")
	shows(t, r, "version 10: clean", "version 49: dirty")
	expect(t, in, "state.partial", ops.StatusSkip, "state.version")
}

func TestStateOfAVersionWithoutAFile(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	pgtest.Exec(t, target, `UPDATE schema_migrations SET version = 111`)
	r := expect(t, situation(t, target), "state.version", ops.StatusFail, "version 111, for which there is no file: a newer set of files")
	shows(t, r, "read from: backend/migrations", "highest file: 000097")
	advises(t, r, "--path")
	pgtest.Exec(t, target, `UPDATE schema_migrations SET version = 42`)
	expect(t, situation(t, target), "state.version", ops.StatusFail, "no file: another chain")
}

func TestStateThatCannotBeRead(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t, pgtest.WithClipper()))
	in.StateErr = errors.New("permission denied for table schema_migrations")
	expect(t, in, "state.version", ops.StatusFail, "could not be checked: permission denied")
	expect(t, in, "state.partial", ops.StatusSkip, "state.version")
	expect(t, in, "prereq.tables", ops.StatusSkip, "state.version")
	expect(t, in, "files.late", ops.StatusSkip, "state.version")
}

func TestStatePartial(t *testing.T) {
	t.Parallel()
	target := at(t, 49)
	expect(t, situation(t, target), "state.partial", ops.StatusPass, "objects stand as version 49 has them")

	pgtest.Exec(t, target, `
		CREATE TABLE user_bans (id int);
		DROP INDEX idx_modqueue_content;
		DROP TABLE moderation_decisions;
		CREATE FUNCTION update_thread_flag_count() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`)
	r := expect(t, situation(t, target), "state.partial", ops.StatusFail, "half there: 2 objects too many, 2 missing")
	shows(t, r,
		"table user_bans: exists, and 000069 is not applied", "function update_thread_flag_count: exists",
		"index moderation_queue.idx_modqueue_content: is missing, and 000049 is applied", "table moderation_decisions: is missing")
	advises(t, r, "000049_add_moderation_queue_system.up.sql")
	advises(t, r, `DROP TABLE "public"."user_bans";`)
}

func TestStatePartialOfAReleaseThatWasAppliedByHand(t *testing.T) {
	t.Parallel()
	target := at(t, 97)
	pgtest.Exec(t, target, `UPDATE schema_migrations SET version = 10`)
	expect(t, situation(t, target), "state.partial", ops.StatusFail, "of the release already there, without the version")
}

// TestStatePartialAllowsLaterMigrationsToRemoveThings guards databases with
// migrations behind the release.
func TestStatePartialAllowsLaterMigrationsToRemoveThings(t *testing.T) {
	t.Parallel()
	target := at(t, 97)
	pgtest.Exec(t, target, `DROP INDEX idx_audit_logs_action; UPDATE schema_migrations SET version = 111`)
	expect(t, situation(t, target), "state.partial", ops.StatusWarn, "a later migration may have removed them")
}

func TestStateReports(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	expect(t, situation(t, target), "state.reports", ops.StatusPass, "there is no table reports")
	pgtest.Exec(t, target, `CREATE TABLE reports (id int)`)
	expect(t, situation(t, target), "state.reports", ops.StatusPass, "has no rows")
	pgtest.Exec(t, target, `INSERT INTO reports SELECT generate_series(1, 12)`)
	shows(t, expect(t, situation(t, target), "state.reports", ops.StatusWarn, "12 rows in table reports"), "12 rows")
}
