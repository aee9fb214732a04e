package rollback_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/rollback"
)

// onFileDone calls back once that version is undone.
func onFileDone(version uint64, call func()) func(migrate.Event) {
	return func(e migrate.Event) {
		if e.Kind == migrate.FileDone && e.File.Version == version {
			call()
		}
	}
}

func onRetry(call func()) func(migrate.Event) {
	return func(e migrate.Event) {
		if e.Kind == migrate.Retrying {
			call()
		}
	}
}

// Each case loses something behind the back of its own text, or of the archive: the file must
// be undone, and say what it is about.
func TestNothingIsCommittedThatIsNotInTheArchive(t *testing.T) {
	t.Parallel()
	trigger := func(table, what string) string {
		return fmt.Sprintf(`CREATE TABLE %[1]s (n int); CREATE FUNCTION on_%[1]s() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN %[2]s; RETURN NULL; END';
CREATE TRIGGER s AFTER UPDATE ON %[1]s EXECUTE FUNCTION on_%[1]s();`, table, what)
	}
	s := chain(t, [2]string{`CREATE TABLE t (id int PRIMARY KEY, note text); CREATE SCHEMA app; CREATE TABLE app.other (n int); INSERT INTO app.other VALUES (1), (2);
CREATE FUNCTION away() RETURNS void LANGUAGE sql AS 'DROP TABLE app.other'; CREATE DOMAIN d AS int; CREATE TABLE app.typed (n d, m int); CREATE TABLE replaced (n int); CREATE TABLE renamed (n int);` +
		trigger("deletes", "DELETE FROM app.other") + trigger("changes", "UPDATE app.other SET n = 0") + trigger("empties", "TRUNCATE app.other"), "SELECT 1"})
	for _, c := range []struct{ name, down, after, want string }{
		{"a table that CASCADE takes", "DROP SCHEMA app CASCADE", "", "table app.other is gone, and it is not in the archive"},
		{"a table that a function drops", "SELECT away()", "", "table app.other is gone, and it is not in the archive"},
		{"a name put together in code", `DO $$ BEGIN EXECUTE 'DROP TABLE app.' || 'oth' || 'er'; END $$`, "", "table app.other is gone"},
		{"a column that CASCADE takes", "DROP DOMAIN d CASCADE", "", "column app.typed.n is gone, and it is not in the archive"},
		{"rows that a trigger deletes", "UPDATE deletes SET n = 1", "", "2 rows of table app.other were deleted or changed, and it is not in the archive"},
		{"rows that a trigger changes", "UPDATE changes SET n = 1", "", "2 rows of table app.other were deleted or changed"},
		{"a table that a trigger empties", "UPDATE empties SET n = 1", "", "table app.other was emptied"},
		{"a table made after the archive", "DROP TABLE replaced", "DROP TABLE replaced; CREATE TABLE replaced (id int)", "table replaced is gone, and it is not in the archive"},
		{"a column made after the archive", "ALTER TABLE t DROP COLUMN IF EXISTS young, DROP COLUMN note", "ALTER TABLE t ADD young int DEFAULT 7", "column t.young is gone, and it came after the archive"},
		{"another table under the name", "DROP TABLE renamed", "ALTER TABLE renamed RENAME TO was_renamed; CREATE TABLE renamed (n int)", "table renamed is gone, and it is not in the archive"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.t, s.src = t, files(t, [2]string{"SELECT 1", c.down})
			plan := s.plan(1)
			a := s.archive(plan)
			if c.after != "" {
				s.exec(c.after)
			}
			_, err := s.tryApply(plan, a, quick())
			f := mustFail(t, err, ops.ExitRefused)
			contains(t, []string{explain(f)}, c.want, "nothing of it was applied", "the database is at version 2, clean")
			if diff := cmp.Diff([]string{"(1)", "(2)"}, s.rows("app.other")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What the files say plainly is archived beforehand, so it may go. @ stands for the file's own.
func TestWhatTheFilesSayMayGo(t *testing.T) {
	t.Parallel()
	const world = `CREATE TABLE t@ (id int PRIMARY KEY, note text); CREATE INDEX t@_note ON t@ (note); CREATE TABLE parent@ (id int PRIMARY KEY);
CREATE TABLE child@ (id int REFERENCES parent@ ON DELETE CASCADE); CREATE TABLE p@ (n int) PARTITION BY LIST (n); CREATE TABLE p@_1 PARTITION OF p@ DEFAULT;
CREATE VIEW v@ AS SELECT 1 AS one; CREATE MATERIALIZED VIEW mv@ AS SELECT 1 AS one;
INSERT INTO t@ VALUES (1, 'a'), (2, 'b'); INSERT INTO parent@ VALUES (1); INSERT INTO child@ VALUES (1); INSERT INTO p@ VALUES (1)`
	var pairs [][2]string
	for i, down := range []string{
		"DELETE FROM t@ WHERE id = 1; UPDATE t@ SET note = 'x'",
		"DELETE FROM parent@",
		"TRUNCATE t@",
		"TRUNCATE parent@ CASCADE",
		"ALTER TABLE t@ ALTER id TYPE bigint",
		"DROP INDEX t@_note",
		"DO $$ BEGIN EXECUTE 'DROP TABLE t@'; DELETE FROM child@; END $$",
		"ALTER TABLE t@ RENAME TO u@; DROP TABLE u@",
		"ALTER TABLE t@ RENAME note TO memo; ALTER TABLE t@ DROP memo",
		"CREATE TABLE aside@ AS SELECT * FROM t@; DROP TABLE t@; DROP TABLE aside@",
		"DROP TABLE child@; DROP TABLE parent@",
		"DROP TABLE p@",
		"DROP MATERIALIZED VIEW mv@; DROP VIEW v@",
		"DROP TABLE IF EXISTS nowhere@",
	} {
		own := strings.NewReplacer("@", fmt.Sprint(i))
		pairs = append(pairs, [2]string{own.Replace(world), own.Replace(down)})
	}
	s := chain(t, pairs...)
	plan := s.plan(1)
	s.apply(plan, s.archive(plan))
}

// A table that one file makes and another drops was never there before.
func TestWhatThePlanMakesItselfMayGo(t *testing.T) {
	t.Parallel()
	s := chain(t,
		[2]string{"CREATE TABLE t (n int)", "DROP TABLE t; DROP FUNCTION away; DROP TABLE legacy; ALTER TABLE u DROP COLUMN legacy"},
		[2]string{"CREATE TABLE u (n int); CREATE FUNCTION away() RETURNS void LANGUAGE sql AS ''", "CREATE TABLE legacy AS SELECT * FROM t; ALTER TABLE u ADD legacy int DEFAULT 1"},
	)
	s.exec("INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)")
	plan := s.plan(1)
	s.apply(plan, s.archive(plan))
}

// The table is locked from the moment its late rows are looked for: nobody can write to it
// until the file is committed, and everyone can when it is undone.
func TestAFileThatIsUndoneLetsGoOfItsTables(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{"CREATE TABLE t (n int)", "DROP TABLE t; SELECT 1/0"})
	plan := s.plan(1)
	_, err := s.tryApply(plan, s.archive(plan), quick())
	contains(t, []string{explain(mustFail(t, err, ops.ExitFailed))}, "division by zero", "version 2, clean")
	s.exec("SET LOCAL lock_timeout = 1000; INSERT INTO t VALUES (1)")
}

func TestApplyWaitsNoLongerForALockThanItIsTold(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{"CREATE TABLE t (n int)", "DROP TABLE t"})
	plan := s.plan(1)
	a := s.archive(plan)
	pgtest.HoldTable(t, s.target, "t", "ACCESS SHARE")
	o := quick()
	var said string
	// Who it is, is seen from another session: how long that takes depends on the machine.
	for ; !strings.Contains(said, "blocked by") && o.Engine.LockTimeout < 20*time.Second; o.Engine.LockTimeout *= 2 {
		_, err := s.tryApply(plan, a, o)
		said = explain(mustFail(t, err, ops.ExitFailed))
	}
	contains(t, []string{said}, "lock timeout", "blocked by", "version 2, clean")
}

func TestApplyRefusesAnArchiveOfAnotherPlan(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{"CREATE TABLE t (n int)", "DROP TABLE t"}, [2]string{"CREATE TABLE u (n int)", "DROP TABLE u"})
	a := s.archive(s.plan(2))
	_, err := s.tryApply(s.plan(1), a, quick())
	contains(t, []string{explain(mustFail(t, err, ops.ExitRefused))}, "the archive was made for another plan", "nothing was touched")
	gone := a
	gone.Path += ".gone"
	_, err = s.tryApply(s.plan(2), gone, quick())
	contains(t, []string{explain(mustFail(t, err, ops.ExitRefused))}, "not there any more")
}

// Ctrl-C in the middle of a file: it is undone, and the run says where the database is.
func TestApplyInterruptedInAFile(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{"CREATE TABLE t (n int)", "DROP TABLE t; SELECT pg_sleep(60)"}, [2]string{"CREATE TABLE u (n int)", "DROP TABLE u"})
	plan := s.plan(1)
	a := s.archive(plan)
	ctx, interrupt := contextWithCancel(t)
	o := quick()
	o.Engine.BeforeCommit = nil
	o.OnLate = func(rollback.ArchiveRef) {}
	o.Engine.OnEvent = onFileDone(3, func() {
		go func() {
			pgtest.Eventually(t, func() bool {
				return pgtest.QueryValue[int](t, s.target, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active' AND datname = current_database()") > 0
			}, "the file to be running")
			interrupt()
		}()
	})
	applied, err := rollback.Apply(ctx, s.target, plan, a, migrate.Backup{}, migrate.Rehearsal{Waived: "a test"}, o)
	contains(t, []string{explain(mustFail(t, err, ops.ExitInterrupted))}, "interrupted in 000002_step.down.sql", "the database is at version 2, clean")
	if len(applied.Files) != 1 || applied.State.Version != 2 {
		t.Errorf("%d files, %s", len(applied.Files), applied.State)
	}
	s.exec("INSERT INTO t VALUES (1)")
}

// Guards against code that commits: outside a transaction it would take away, for good, what
// no archive holds, before anybody could look. The database is as before, also when an
// earlier file is undone already; then it is a failure and no refusal.
func TestCodeThatCommitsTakesNothingAway(t *testing.T) {
	t.Parallel()
	const away = `CREATE TABLE precious (n int); CREATE PROCEDURE away() LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DROP TABLE prec' || 'ious'; COMMIT; END $$`
	for name, pairs := range map[string][][2]string{
		"the only file":                  {{away, "CALL away()"}},
		"behind a file that was undone":  {{away, "CALL away()"}, {"CREATE TABLE other (n int)", "DROP TABLE other"}},
		"refused behind one that is not": {{strings.Replace(away, "COMMIT; ", "", 1), "CALL away()"}, {"CREATE TABLE other (n int)", "DROP TABLE other"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := chain(t, pairs...)
			s.exec("INSERT INTO precious SELECT generate_series(1, 1000)")
			plan := s.plan(1)
			_, err := s.tryApply(plan, s.archive(plan), quick())
			contains(t, []string{explain(mustFail(t, err, ops.ExitFailed))}, "000002_step.down.sql", "nothing of it was applied", "version 2, clean", "in plain SQL")
			if n := len(s.rows("precious")); n != 1000 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}
