package migrate_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/google/go-cmp/cmp"
)

func TestFilesAreRecordedInTheirOwnTransaction(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "CREATE TABLE b (id int); SELECT nothing;"})
	o := migrate.ApplyOptions{Ledger: recordIn(t, target)}
	if _, err := up(t, target, src, 2, o); err == nil {
		t.Fatal("no error")
	}
	got := pgtest.QueryColumn[string](t, target, "SELECT direction || ' ' || version || ' ' || name || ' ' || length(sha256) FROM clipperops.files ORDER BY id")
	if diff := cmp.Diff([]string{"up 1 a 64"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestLedgerThatCannotBeWrittenFailsNoMigration: somebody holds its tables.
func TestLedgerThatCannotBeWrittenFailsNoMigration(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	o := quick(migrate.ApplyOptions{Ledger: recordIn(t, target)})
	pgtest.HoldTable(t, target, "clipperops.files", "ACCESS EXCLUSIVE")
	pgtest.HoldTable(t, target, "clipperops.statements", "ACCESS EXCLUSIVE")
	src := source(t, map[string]string{
		"000001_a": "CREATE TABLE a (id int);",
		"000002_b": "CREATE INDEX CONCURRENTLY a_1 ON a (id); CREATE INDEX CONCURRENTLY a_2 ON a (id);",
	})
	applied := must(t)(up(t, target, src, 2, o))
	at(t, target, 2, false)
	exists(t, target, true, "a_1", "a_2")
	notes := strings.Join(applied.Notes, "\n")
	for _, text := range []string{
		"000001 is applied, and not recorded in the ledger: ledger: record file", "55P03",
		"how far 000002 is cannot be recorded, so it cannot be resumed", "000002 is applied, and not recorded in the ledger",
	} {
		if !strings.Contains(notes, text) {
			t.Errorf("%q is not in:\n%s", text, notes)
		}
	}
	if applied.Files[0].Attempts != 1 {
		t.Errorf("%d attempts", applied.Files[0].Attempts)
	}
}

// TestLedgerThatGoesAwayFailsNoMigration: a migration that drops its schema.
func TestLedgerThatGoesAwayFailsNoMigration(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	o := migrate.ApplyOptions{Ledger: recordIn(t, target)}
	src := source(t, map[string]string{"000001_a": "DROP SCHEMA clipperops CASCADE;", "000002_b": "CREATE TABLE b (id int);"})
	applied := must(t)(up(t, target, src, 2, o))
	at(t, target, 2, false)
	if len(applied.Notes) != 2 || !strings.Contains(applied.Notes[1], "000002 is applied, and not recorded") {
		t.Errorf("%q", applied.Notes)
	}
}
