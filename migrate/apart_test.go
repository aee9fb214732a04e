package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

func TestStatementsAreLookedAtOneByOne(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{
		"000001_a": "BEGIN;\nCREATE TABLE a (id int, note text);\nCOPY a FROM stdin;\n1\tsemi;colon\n2\t\\N\n\\.\nUPDATE a SET note = 'x';\nCOMMIT;",
		"000002_b": "CREATE TABLE b (id int);",
	})
	var got []string
	o := migrate.ApplyOptions{AfterStatement: func(ctx context.Context, conn *pgx.Conn, f migrate.File, i int, took time.Duration) error {
		var tables, rows int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b')").Scan(&tables); err != nil {
			return err
		}
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM a").Scan(&rows); err != nil {
			return err
		}
		if took <= 0 {
			t.Errorf("statement %d took %s", i, took)
		}
		got = append(got, fmt.Sprintf("%s %d %c: %d tables, %d rows", f.ID(), i, conn.PgConn().TxStatus(), tables, rows))
		return nil
	}}
	must(t)(up(t, target, src, 2, o))
	want := []string{
		"000001 0 T: 1 tables, 0 rows", "000001 1 T: 1 tables, 2 rows", "000001 2 T: 1 tables, 2 rows", "000002 0 T: 2 tables, 2 rows",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	at(t, target, 2, false)
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM a WHERE note = 'x'"); n != 2 {
		t.Errorf("%d rows", n)
	}
}

// TestStatementApartFailsAtItsPlace: the line is the file's, not that of what was sent.
func TestStatementApartFailsAtItsPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, text string }{
		"with a position":    {"CREATE TABLE a (id int);\nSELECT 1;\nSELECT ä, nothing FROM a;", "line 3"},
		"without a position": {"CREATE TABLE a (id int);\nSELECT 1;\nDROP TABLE nowhere;", "line 3"},
		"in rows":            {"CREATE TABLE a (id int);\nCOPY a FROM stdin;\nx\n\\.\n", "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := pgtest.New(t)
			o := migrate.ApplyOptions{AfterStatement: func(context.Context, *pgx.Conn, migrate.File, int, time.Duration) error { return nil }}
			_, err := up(t, target, source(t, map[string]string{"000001_a": c.body}), 1, o)
			failure(t, err, ops.ExitFailed, "000001_a.up.sql failed; nothing of it was applied", c.text)
			at(t, target, -1, false)
			exists(t, target, false, "a")
		})
	}
}

// TestLookThatFailsUndoesTheFile: neither the file nor its version row is left.
func TestLookThatFailsUndoesTheFile(t *testing.T) {
	t.Parallel()
	given := errors.New("seen enough")
	for name, look := range map[string]func(context.Context, *pgx.Conn) error{
		"its error":             func(context.Context, *pgx.Conn) error { return given },
		"a transaction it ends": func(ctx context.Context, conn *pgx.Conn) error { _, err := conn.Exec(ctx, "ROLLBACK"); return err },
		"SQL that fails": func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SELECT nothing")
			return errors.Join(given, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := pgtest.New(t)
			o := migrate.ApplyOptions{AfterStatement: func(ctx context.Context, conn *pgx.Conn, _ migrate.File, i int, _ time.Duration) error {
				if i == 0 {
					return nil
				}
				return look(ctx, conn)
			}}
			_, err := up(t, target, source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);\nSELECT 1;\nSELECT 2;"}), 1, o)
			var at *migrate.FileError
			if !errors.As(err, &at) || at.Statement != -1 {
				t.Errorf("%v", err)
			}
			if name != "a transaction it ends" && !errors.Is(err, given) {
				t.Errorf("%v", err)
			}
			exists(t, target, false, "a")
		})
	}
}

// TestStatementsOutsideATransactionAreMet: before each try, when it has ended, and when
// it is done.
func TestStatementsOutsideATransactionAreMet(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (1)")
	src := source(t, map[string]string{
		"000001_a": "SET lock_timeout = '9s';\nCREATE INDEX CONCURRENTLY a_1 ON a (id);\nCREATE UNIQUE INDEX CONCURRENTLY a_2 ON a (id);",
	})
	var got []string
	note := func(what string, i int, conn *pgx.Conn) {
		got = append(got, fmt.Sprintf("%s %d %c", what, i, conn.PgConn().TxStatus()))
	}
	o := migrate.ApplyOptions{
		Ledger: recordIn(t, target),
		BeforeStatement: func(_ context.Context, conn *pgx.Conn, _ migrate.File, i int) (func(), error) {
			note("before", i, conn)
			return func() { note("ended", i, conn) }, nil
		},
		AfterStatement: func(_ context.Context, conn *pgx.Conn, _ migrate.File, i int, _ time.Duration) error {
			note("after", i, conn)
			return nil
		},
	}
	_, err := up(t, target, src, 1, o)
	failure(t, err, ops.ExitFailed, "line 3", "could not create unique index")
	want := []string{"after 0 I", "before 1 I", "ended 1 I", "after 1 I", "before 2 I", "ended 2 I"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	// What is resumed is met as well, and what is done is not.
	got = nil
	pgtest.Exec(t, target, "DELETE FROM a")
	must(t)(up(t, target, src, 1, o))
	want = []string{"after 0 I", "before 2 I", "ended 2 I", "after 2 I"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestStatementThatIsNotLetRun is not sent.
func TestStatementThatIsNotLetRun(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE a (id int)")
	o := migrate.ApplyOptions{BeforeStatement: func(context.Context, *pgx.Conn, migrate.File, int) (func(), error) {
		return nil, &ops.Failure{Code: ops.ExitRefused, What: "not this one", Next: []string{"another"}}
	}}
	_, err := up(t, target, source(t, map[string]string{"000001_a": "CREATE INDEX CONCURRENTLY a_1 ON a (id);"}), 1, o)
	failure(t, err, ops.ExitRefused, "not this one", "nothing of it was applied", "another")
	at(t, target, -1, false)
	if strings.Contains(show(err), "CONCURRENTLY") {
		t.Error(show(err))
	}
	exists(t, target, false, "a_1")
}

// TestRunBodyKnowsNoHooks: somebody else keeps the loop.
func TestRunBodyKnowsNoHooks(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	o := migrate.ApplyOptions{AfterStatement: func(context.Context, *pgx.Conn, migrate.File, int, time.Duration) error {
		return errors.New("called")
	}}
	if err := migrate.RunBody(t.Context(), target, "a", "CREATE TABLE a (id int);", o); err != nil {
		t.Error(err)
	}
	exists(t, target, true, "a")
}
