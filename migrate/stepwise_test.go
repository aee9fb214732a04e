package migrate_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/google/go-cmp/cmp"
)

// indexed is a table with rows 1 to 5, and files that index it.
func indexed(t testing.TB) (config.Target, *migrate.Source) {
	t.Helper()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE t (a int, b int, c int); INSERT INTO t SELECT i, i, 1 FROM generate_series(1, 5) i")
	return target, source(t, map[string]string{
		"000001_i.up.sql":   "-- three\nCREATE INDEX CONCURRENTLY t_a ON t (a);\nCREATE INDEX CONCURRENTLY t_b ON t (b);\nCREATE UNIQUE INDEX CONCURRENTLY t_c ON t (c);",
		"000001_i.down.sql": "DROP INDEX CONCURRENTLY t_a;\nDROP INDEX CONCURRENTLY IF EXISTS t_b;\nDROP INDEX CONCURRENTLY t_c;",
	})
}

func invalid(t testing.TB, target config.Target) []string {
	t.Helper()
	return pgtest.QueryColumn[string](t, target, "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1")
}

func TestConcurrentIndexesUpAndDown(t *testing.T) {
	t.Parallel()
	for name, recorded := range map[string]bool{"without a ledger": false, "with a ledger": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, src := indexed(t)
			pgtest.Exec(t, target, "UPDATE t SET c = a")
			var o migrate.ApplyOptions
			if recorded {
				o.Ledger = recordIn(t, target)
			}
			var seen events
			o.OnEvent = seen.take
			must(t)(up(t, target, src, 1, o))
			at(t, target, 1, false)
			exists(t, target, true, "t_a", "t_b", "t_c")
			if diff := cmp.Diff([]string{"000001 statement 1 of 3 done", "000001 statement 2 of 3 done", "000001 statement 3 of 3 done"}, seen.texts(migrate.StatementDone)); diff != "" {
				t.Error(diff)
			}
			p, err := migrate.PlanDownToNone(src, state(t, target), nil)
			if err != nil {
				t.Fatal(err)
			}
			must(t)(migrate.Apply(t.Context(), target, p, noBackup, noRehearsal, o))
			at(t, target, -1, false)
			exists(t, target, false, "t_a", "t_b", "t_c")
			if recorded {
				got := pgtest.QueryColumn[string](t, target, "SELECT direction || version FROM clipperops.files ORDER BY id")
				if diff := cmp.Diff([]string{"up1", "down1"}, got); diff != "" {
					t.Error(diff)
				}
				if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM clipperops.statements"); n != 0 {
					t.Errorf("%d marks are left", n)
				}
			}
		})
	}
}

// TestFailedConcurrentIndexIsSweptAndTheFileResumed: the third statement fails, the
// INVALID index it leaves goes, and the next run goes on there with a mended file.
func TestFailedConcurrentIndexIsSweptAndTheFileResumed(t *testing.T) {
	t.Parallel()
	target, src := indexed(t)
	o := migrate.ApplyOptions{Ledger: recordIn(t, target)}
	_, err := up(t, target, src, 1, o)
	failure(t, err, ops.ExitFailed, "000001_i.up.sql failed; a part of it is done",
		"line 4: ERROR could not create unique index \"t_c\" (23505)", "Key (c)=(1) is duplicated.",
		"the database is at version 1, dirty", "the INVALID index public.t_c that it left was dropped",
		"2 of 3 statements of 000001_i.up.sql are done", "the next run goes on at statement 3 (line 4)")
	if left := invalid(t, target); len(left) > 0 {
		t.Errorf("INVALID: %v", left)
	}
	s := state(t, target)
	if !s.Dirty || s.Unfinished == nil || s.Unfinished.Version != 1 || s.Unfinished.Direction != migrate.Up || len(s.Unfinished.Statements) != 2 || s.Unfinished.From != -1 {
		t.Fatalf("%+v %+v", s, s.Unfinished)
	}
	changed := source(t, map[string]string{"000001_i": "CREATE INDEX CONCURRENTLY t_a ON t (b);\nCREATE INDEX CONCURRENTLY t_b ON t (b);"})
	_, err = migrate.PlanUp(changed, s, 1, nil)
	failure(t, err, ops.ExitRefused, "000001_i.up.sql was changed in a statement that is done already", "line 1 back as it was", "nothing was touched")
	_, err = migrate.PlanDownToNone(src, s, nil)
	failure(t, err, ops.ExitRefused, "the up file of version 1 is half done", "clipperops migrate")
	mended := source(t, map[string]string{"000001_i": "CREATE INDEX CONCURRENTLY t_a ON t (a);\nCREATE INDEX CONCURRENTLY t_b ON t (b);\nCREATE INDEX CONCURRENTLY t_c ON t (c);\nCREATE INDEX CONCURRENTLY t_d ON t (c, a);"})
	p, err := migrate.PlanUp(mended, s, 1, nil)
	if err != nil {
		t.Fatal(show(err))
	}
	if !p.Resumes || p.From != -1 || p.Files[0].Done != 2 {
		t.Errorf("%+v", p)
	}
	var seen events
	o.OnEvent = seen.take
	must(t)(migrate.Apply(t.Context(), target, p, noBackup, noRehearsal, o))
	at(t, target, 1, false)
	exists(t, target, true, "t_a", "t_b", "t_c", "t_d")
	if got := seen.texts(migrate.StatementDone); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// TestFirstStatementFailing leaves nothing, and so no dirty mark.
func TestFirstStatementFailing(t *testing.T) {
	t.Parallel()
	target, _ := indexed(t)
	for name, body := range map[string]string{
		"000001_a": "CREATE UNIQUE INDEX CONCURRENTLY t_c ON t (c);",
		"000001_b": "SET work_mem = '4MB';\nCREATE INDEX CONCURRENTLY t_x ON t (x);",
		"000001_c": "VACUUM nothing;",
		"000001_d": "DROP INDEX CONCURRENTLY t_c;",
		"000001_e": "CREATE UNIQUE INDEX CONCURRENTLY ON t (c);",
		"000001_f": "ALTER SYSTEM SET no_such_thing = 1;",
	} {
		_, err := up(t, target, source(t, map[string]string{name: body}), 1, migrate.ApplyOptions{})
		failure(t, err, ops.ExitFailed, "failed; nothing of it was applied", "the database is at no version")
		if s := state(t, target); s.Version != -1 || s.Dirty {
			t.Errorf("%s: %s", body, s)
		}
		if left := invalid(t, target); len(left) > 0 {
			t.Errorf("%s: INVALID: %v", body, left)
		}
	}
}

// TestWithoutALedgerAHalfDoneFileIsForPeople: nothing knows how far it is.
func TestWithoutALedgerAHalfDoneFileIsForPeople(t *testing.T) {
	t.Parallel()
	target, src := indexed(t)
	_, err := up(t, target, src, 1, migrate.ApplyOptions{})
	failure(t, err, ops.ExitFailed, "a part of it is done", "2 of 3 statements", "no later run can go on by itself", "version 1, dirty")
	_, err = migrate.PlanUp(src, state(t, target), 1, nil)
	failure(t, err, ops.ExitRefused, "the database is dirty at version 1")
}

// TestDirtyMarkOfGolangMigrateIsNotOurs, also where the ledger is there.
func TestDirtyMarkOfGolangMigrateIsNotOurs(t *testing.T) {
	t.Parallel()
	target, src := indexed(t)
	recordIn(t, target)
	pgtest.Exec(t, target, "CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null); INSERT INTO schema_migrations VALUES (1, true)")
	before := schema(t, target)
	if s := state(t, target); s.Unfinished != nil {
		t.Errorf("%+v", s.Unfinished)
	}
	_, err := migrate.PlanUp(src, state(t, target), 1, nil)
	failure(t, err, ops.ExitRefused, "the database is dirty at version 1", "it was 000001_i.up.sql", "nothing was touched")
	if diff := cmp.Diff(before, schema(t, target)); diff != "" {
		t.Error(diff)
	}
}

// TestInvalidIndexOfAnEarlierAttempt is named; it is not ours to drop.
func TestInvalidIndexOfAnEarlierAttempt(t *testing.T) {
	t.Parallel()
	target, _ := indexed(t)
	conn := pgtest.Connect(t, target)
	if _, err := conn.Exec(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY t_c ON t (c)"); err == nil {
		t.Fatal("the rows are unique")
	}
	src := source(t, map[string]string{"000001_a": "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_c ON t (c);"})
	_, err := up(t, target, src, 1, migrate.ApplyOptions{})
	failure(t, err, ops.ExitFailed, "an INVALID index public.t_c stands there from an earlier attempt", "DROP INDEX CONCURRENTLY public.t_c;")
	if diff := cmp.Diff([]string{"t_c"}, invalid(t, target)); diff != "" {
		t.Error(diff)
	}
	at(t, target, -1, false)
}

func TestProcedureThatCommitsRunsOutsideATransaction(t *testing.T) {
	t.Parallel()
	target, _ := indexed(t)
	pgtest.Exec(t, target, "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN UPDATE t SET b = 7; COMMIT; END $$")
	src := source(t, map[string]string{
		"000001_a": "CALL p();",
		"000002_b": "DO $$ BEGIN UPDATE t SET c = 8; COMMIT; END $$;",
		"000003_c": "CREATE TABLE c (id int);\nCALL p();",
	})
	applied, err := up(t, target, src, 3, migrate.ApplyOptions{})
	failure(t, err, ops.ExitFailed, "000003_c.up.sql failed; nothing of it was applied", "line 2: ERROR invalid transaction termination (2D000)", "into a file of its own")
	if len(applied.Notes) != 1 || !strings.Contains(applied.Notes[0], "000001_a.up.sql cannot run in a transaction, as the server says") {
		t.Errorf("%q", applied.Notes)
	}
	at(t, target, 2, false)
	exists(t, target, false, "c")
	if got := pgtest.QueryColumn[string](t, target, "SELECT DISTINCT b || '-' || c FROM t"); !cmp.Equal(got, []string{"7-8"}) {
		t.Errorf("%q", got)
	}
}

// TestOtherStatementsOutsideATransaction, and settings a file makes for itself.
func TestOtherStatementsOutsideATransaction(t *testing.T) {
	t.Parallel()
	target, _ := indexed(t)
	src := source(t, map[string]string{
		"000001_a": "SET lock_timeout = '1h';\nREINDEX TABLE CONCURRENTLY t;\nVACUUM (ANALYZE) t;\nRESET lock_timeout;",
		"000002_b": "DROP INDEX CONCURRENTLY IF EXISTS nothing;",
	})
	must(t)(up(t, target, src, 2, migrate.ApplyOptions{Ledger: recordIn(t, target)}))
	at(t, target, 2, false)
}

func TestProgressOfALongFileIsTold(t *testing.T) {
	t.Parallel()
	target, _ := indexed(t)
	src := source(t, map[string]string{"000001_a": "SELECT pg_sleep(1.5);"})
	var seen events
	must(t)(up(t, target, src, 1, quick(migrate.ApplyOptions{OnEvent: seen.take})))
	if got := seen.texts(migrate.Running); len(got) == 0 || !strings.HasPrefix(got[0], "000001 runs for 1.") || !strings.Contains(got[0], "waits for Timeout PgSleep") {
		t.Errorf("%q", got)
	}
}
