package rollback_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/rollback"
)

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}

var lateUp = [2]string{"CREATE TABLE threads (id int PRIMARY KEY, note text)", "DROP TABLE threads"}

// The table's name is nowhere the one by which our own SQL calls it: late rows once could be
// found only in a table called t. Each case changes the table after it was archived; what is put back in the end has to be
// what was there when it was dropped.
func TestWhatIsWrittenAfterTheArchiveIsSavedBeforeTheDrop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late string
		mode rollback.LateMode
		rows int64 // in the archive of late rows
	}{
		"nothing":                 {"SELECT 1", "", 0},
		"rows added":              {"INSERT INTO threads VALUES (101, 'late'), (102, 'later')", rollback.LateAppend, 2},
		"a row changed":           {"UPDATE threads SET note = 'changed' WHERE id = 7", rollback.LateReplace, 100},
		"a row deleted":           {"DELETE FROM threads WHERE id = 7", rollback.LateReplace, 99},
		"one deleted, one added":  {"DELETE FROM threads WHERE id = 7; INSERT INTO threads VALUES (101, 'late')", rollback.LateReplace, 100},
		"all deleted":             {"DELETE FROM threads", rollback.LateReplace, 0},
		"emptied":                 {"TRUNCATE threads", rollback.LateReplace, 0},
		"written anew":            {"VACUUM FULL threads", "", 0},
		"frozen":                  {"VACUUM (FREEZE) threads", "", 0},
		"added, and written anew": {"ALTER TABLE threads ALTER note TYPE varchar(50); INSERT INTO threads VALUES (101, 'late')", rollback.LateReplace, 101},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := chain(t, lateUp)
			s.exec("INSERT INTO threads SELECT n, 'early' FROM generate_series(1, 100) n")
			plan := s.plan(1)
			a := s.archive(plan)
			s.exec(c.late)
			rows := s.rows("threads")
			applied := s.apply(plan, a)
			switch {
			case c.mode == "":
				if len(applied.Late) > 0 {
					t.Errorf("saved once more: %+v", applied.Late[0].Manifest.Tables)
				}
			case len(applied.Late) != 1:
				t.Fatal("nothing late was saved")
			default:
				late := applied.Late[0].Manifest.Tables[0]
				if late.Mode != c.mode || late.Rows != c.rows {
					t.Errorf("%s %d rows, want %s %d", late.Mode, late.Rows, c.mode, c.rows)
				}
				if want := strings.TrimSuffix(a.Path, ".zip") + "-late-000002.zip"; applied.Late[0].Path != want {
					t.Errorf("saved to %s, want %s", applied.Late[0].Path, want)
				}
			}
			s.up(2)
			s.restore(a)
			if diff := cmp.Diff(rows, s.rows("threads")); diff != "" {
				t.Errorf("(-when dropped +restored)\n%s", diff)
			}
		})
	}
}

// Guards against taking a row for archived whose transaction has a lower number than the
// archive's snapshot: one written behind a savepoint, and one of a transaction that was open
// while the archive was made.
func TestRowsOfATransactionThatWasOpenAreNotMissed(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]string{
		"plainly":            "INSERT INTO threads VALUES (2, 'open')",
		"behind a savepoint": "SAVEPOINT s; INSERT INTO threads VALUES (2, 'open'); RELEASE SAVEPOINT s; SELECT txid_current()",
		"after the archive":  "SELECT txid_current()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := chain(t, lateUp)
			s.exec("INSERT INTO threads VALUES (1, 'early')")
			writer := s.conn()
			if err := writer.PgConn().Exec(t.Context(), "BEGIN; "+write).Close(); err != nil {
				t.Fatal(err)
			}
			s.exec("SELECT txid_current(); CREATE TABLE meanwhile (n int); INSERT INTO threads VALUES (3, 'between')")
			plan := s.plan(1)
			a := s.archive(plan)
			if err := writer.PgConn().Exec(t.Context(), "INSERT INTO threads VALUES (4, 'end'); COMMIT").Close(); err != nil {
				t.Fatal(err)
			}
			rows := s.rows("threads")
			s.apply(plan, a)
			s.up(2)
			s.restore(a)
			if diff := cmp.Diff(rows, s.rows("threads")); diff != "" {
				t.Errorf("(-when dropped +restored)\n%s", diff)
			}
		})
	}
}

// A table can lose columns in one file and go in the next, with rows coming in between.
func TestLateRowsBeforeEachOfTwoFiles(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]string{
		"added":   "INSERT INTO threads (id, note) VALUES (200, 'between')",
		"changed": "UPDATE threads SET note = 'between' WHERE id = 3",
		"both":    "UPDATE threads SET note = 'between' WHERE id = 3; INSERT INTO threads (id, note) VALUES (200, 'between'); DELETE FROM threads WHERE id = 4",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := chain(t, lateUp, [2]string{"ALTER TABLE threads ADD extra text", "ALTER TABLE threads DROP COLUMN extra"})
			s.exec("INSERT INTO threads SELECT n, 'early', 'x' || n FROM generate_series(1, 10) n")
			plan := s.plan(1)
			a := s.archive(plan)
			s.exec("UPDATE threads SET extra = 'late' WHERE id = 5; INSERT INTO threads VALUES (100, 'late', 'late')")
			o := quick()
			o.Engine.OnEvent = onFileDone(3, func() { s.exec(between) })
			// What should be there again: the rows of the end, with the columns of the beginning.
			s.exec("CREATE TABLE wanted AS SELECT * FROM threads")
			s.exec(strings.NewReplacer(" threads ", " wanted ").Replace(between))
			wanted := s.rows("wanted")
			applied, err := s.tryApply(plan, a, o)
			if err != nil {
				t.Fatal(explain(err))
			}
			if len(applied.Late) != 2 {
				t.Errorf("%d archives of late rows, want 2", len(applied.Late))
			}
			s.up(3)
			s.restore(a)
			if diff := cmp.Diff(wanted, s.rows("threads")); diff != "" {
				t.Errorf("(-when dropped +restored)\n%s", diff)
			}
		})
	}
}

// A file that has to give way runs again: what the first attempt saved must not count twice,
// nor stay when it is not so any more.
func TestLateRowsOfAnAttemptThatWasRolledBackAreNotKept(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{"CREATE TABLE threads (id int PRIMARY KEY, note text); CREATE TABLE IF NOT EXISTS blocker (n int)", "DROP TABLE threads; ALTER TABLE blocker ADD m int"})
	s.exec("INSERT INTO threads VALUES (1, 'early')")
	plan := s.plan(1)
	a := s.archive(plan)
	s.exec("INSERT INTO threads VALUES (2, 'late')")
	held := pgtest.HoldTable(t, s.target, "blocker", "ACCESS SHARE")
	o := quick()
	o.Engine.RetryFor = 30_000_000_000
	saved := 0
	o.OnLate = func(rollback.ArchiveRef) { saved++ }
	o.Engine.OnEvent = onRetry(func() {
		s.exec("DELETE FROM threads WHERE id = 2")
		held.Release()
	})
	applied, err := s.tryApply(plan, a, o)
	if err != nil {
		t.Fatal(explain(err))
	}
	if saved == 0 || len(applied.Late) != 0 {
		t.Errorf("saved %d times, kept %d", saved, len(applied.Late))
	}
	if left := names(t, s.dir); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
	s.up(2)
	s.restore(a)
	if diff := cmp.Diff([]string{"(1,early)"}, s.rows("threads")); diff != "" {
		t.Error(diff)
	}
}

// An older snapshot than the locks would not see what came late.
func TestLateRowsAreLookedForUnderReadCommittedAlone(t *testing.T) {
	t.Parallel()
	s := chain(t, [2]string{lateUp[0], "BEGIN ISOLATION LEVEL REPEATABLE READ; DROP TABLE threads; COMMIT"})
	plan := s.plan(1)
	a := s.archive(plan)
	_, err := s.tryApply(plan, a, quick())
	contains(t, []string{explain(mustFail(t, err, ops.ExitRefused))}, "repeatable read", "version 2, clean")
}

// Transactions are numbered with 32 bits in a row and with 64 in a snapshot: what was written
// before the last wrap-around is older than what was written after it, whatever its number.
func TestRowsAreComparedAcrossTheWrapAround(t *testing.T) {
	t.Parallel()
	const epoch = 1 << 32
	target := pgtest.New(t)
	for xmin, want := range map[int64]int64{
		9:         5*epoch + 9,
		10:        5*epoch + 10,
		11:        4*epoch + 11, // not yet given in this epoch
		epoch - 1: 5*epoch - 1,
		3:         5*epoch + 3,
		2:         0, // frozen, by servers before 9.4
	} {
		sql := fmt.Sprintf("SELECT ("+rollback.RowXID+")::bigint FROM (VALUES (%[2]d::bigint)) AS t(xmin)", int64(5*epoch+10), xmin)
		if got := pgtest.QueryValue[int64](t, target, sql); got != want {
			t.Errorf("%d is %d, want %d", xmin, got, want)
		}
	}
}
