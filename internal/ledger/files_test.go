package ledger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/pgtest"
)

var file11 = ledger.FileRecord{RunID: runID, Version: 11, Name: "add_moderation_audit_logs", Direction: ledger.Up, SHA256: "ab12", Took: 210 * time.Millisecond}

func TestAFileIsRecordedWithTheTransactionThatAppliesIt(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	conn := pgtest.Connect(t, target)
	for _, commit := range []bool{false, true} {
		tx, err := conn.Begin(t.Context())
		must(t, err)
		must(t, l.RecordFile(t.Context(), tx, file11))
		if commit {
			must(t, tx.Commit(t.Context()))
		} else {
			must(t, tx.Rollback(t.Context()))
		}
		if n := pgtest.QueryValue[int](t, target, `SELECT count(*) FROM clipperops.files WHERE took_ms = 210`); (n == 1) != commit {
			t.Errorf("commit %v: %d rows", commit, n)
		}
	}
}

// TestAFailingRecordDoesNotFailTheMigration breaks the ledger under a running
// migration, which must commit all the same.
func TestAFailingRecordDoesNotFailTheMigration(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	pgtest.Exec(t, target, `DROP SCHEMA clipperops CASCADE`)
	conn := pgtest.Connect(t, target)
	tx, err := conn.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `CREATE TABLE migrated (n int); SET LOCAL search_path = ''`)
	must(t, err)
	if err := l.RecordFile(t.Context(), tx, file11); err == nil {
		t.Error("a file was recorded in a ledger that is not there")
	}
	_, err = tx.Exec(t.Context(), `INSERT INTO public.migrated VALUES (1)`)
	must(t, err)
	must(t, tx.Commit(t.Context()))
	if n := pgtest.QueryValue[int](t, target, `SELECT n FROM migrated`); n != 1 {
		t.Errorf("n = %d", n)
	}
}

func TestARecordInARuinedTransactionSaysSo(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	tx, err := pgtest.Connect(t, target).Begin(t.Context())
	must(t, err)
	_, _ = tx.Exec(t.Context(), `SELECT 1/0`)
	if err := l.RecordFile(t.Context(), tx, file11); err == nil {
		t.Error("recorded in an aborted transaction")
	}
}

func TestStatementsDoneAreRememberedUntilTheFileIsComplete(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	conn := pgtest.Connect(t, target)
	key := ledger.FileKey{Version: 12, Direction: ledger.Up, SHA256: "aa"}
	for i, sum := range []string{"s0", "s1"} {
		must(t, l.RecordStatement(t.Context(), conn, runID, key, ledger.DoneStatement{Index: i, SHA256: sum}))
	}
	must(t, l.RecordStatement(t.Context(), conn, "SECOND RUN", key, ledger.DoneStatement{Index: 1, SHA256: "s1"}))

	done := func(k ledger.FileKey) []ledger.DoneStatement {
		t.Helper()
		d, err := ledger.DoneStatements(t.Context(), conn, k)
		must(t, err)
		return d
	}
	if diff := cmp.Diff([]ledger.DoneStatement{{0, "s0"}, {1, "s1"}}, done(key)); diff != "" {
		t.Error(diff)
	}
	changed, down := key, key
	changed.SHA256, down.Direction = "bb", ledger.Down
	if len(done(changed)) != 0 || len(done(down)) != 0 {
		t.Error("statements of another file count as done")
	}
	must(t, l.ForgetStatements(t.Context(), conn, 12, ledger.Up))
	if d := done(key); len(d) != 0 {
		t.Errorf("forgotten, and still there: %v", d)
	}
}

func TestKnownVersionsAreThoseTheDatabaseStandsOn(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	known := func() []uint64 {
		t.Helper()
		all, err := ledger.KnownVersions(t.Context(), conn)
		must(t, err)
		var versions []uint64
		for _, k := range all {
			versions = append(versions, k.Version)
		}
		return versions
	}
	if got := known(); got != nil {
		t.Errorf("without a ledger: %v", got)
	}
	l := open(t, target)
	chain := []ledger.KnownVersion{{10, "base", "a"}, {11, "logs", "b"}, {49, "queue", "c"}, {97, "more", "d"}}
	must(t, l.RecordKnown(t.Context(), runID, 49, chain))
	if diff := cmp.Diff([]uint64{10, 11, 49}, known()); diff != "" {
		t.Errorf("reached 49: %s", diff)
	}
	must(t, l.RecordKnown(t.Context(), runID, 10, chain))
	if diff := cmp.Diff([]uint64{10}, known()); diff != "" {
		t.Errorf("back at 10: %s", diff)
	}
	must(t, l.RecordKnown(t.Context(), runID, 97, append(chain[:1:1], chain[3])))
	if diff := cmp.Diff([]uint64{10, 97}, known()); diff != "" {
		t.Errorf("by a directory without 11 and 49: %s", diff)
	}
}

// TestARecordThatHasToWaitGivesWayAtOnce guards against a locked ledger keeping
// the application waiting: meanwhile the migration holds the locks of its tables.
func TestARecordThatHasToWaitGivesWayAtOnce(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	conn := pgtest.Connect(t, target)
	for _, locked := range []bool{true, false} {
		held := pgtest.HoldTable(t, target, "clipperops.files", "ACCESS EXCLUSIVE")
		if !locked {
			held.Release()
		}
		tx, err := conn.Begin(t.Context())
		must(t, err)
		_, err = tx.Exec(t.Context(), `SET LOCAL lock_timeout = '10min'`)
		must(t, err)
		if err := l.RecordFile(t.Context(), tx, file11); (err != nil) != locked {
			t.Errorf("locked %v: %v", locked, err)
		}
		var patience string
		must(t, tx.QueryRow(t.Context(), `SHOW lock_timeout`).Scan(&patience))
		if patience != "10min" {
			t.Errorf("locked %v: the rest of the migration waits %s", locked, patience)
		}
		must(t, tx.Commit(t.Context()))
		held.Release()
	}
}
