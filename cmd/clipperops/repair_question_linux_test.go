package main

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestTheDatabaseChangesWhileARepairIsConfirmed: what was compared is no longer what is
// there. The row is then left as it is, and so it is when the row itself was changed.
func TestTheDatabaseChangesWhileARepairIsConfirmed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ change, rows, says string }{
		"its schema": {"DROP TABLE moderation_decisions", "49 true", "the schema has changed since it was compared"},
		"its row":    {"UPDATE schema_migrations SET version = 50", "50 true", "the version row has changed meanwhile .*it said version 49, dirty, and says version 50, dirty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := marked(t, "49", 49)
			p.set("TERM", "xterm")
			p.set("NO_COLOR", "1")
			s := p.atTerminal("migrate repair --apply --env production --rehearse-on same")
			s.awaitSays(migrateWord)
			p.wantNoScratch()
			pgtest.Exec(t, p.target, c.change)
			s.answers(migrateWord, "yes\n")
			s.ends(ops.ExitRefused, c.says, "nothing was changed by this run")
			if p.versionRows() != c.rows {
				t.Errorf("rows %s", p.versionRows())
			}
		})
	}
}

// TestAForceIsConfirmedByTheVersion, on staging as well: a yes is not enough.
func TestAForceIsConfirmedByTheVersion(t *testing.T) {
	t.Parallel()
	p := marked(t, "49", 49)
	p.set("TERM", "xterm")
	p.set("NO_COLOR", "1")
	for _, answer := range []string{"yes\n", "49\n", "\n"} {
		s := p.atTerminal("migrate force 11")
		s.answers("Type '11' to continue:", answer)
		s.ends(ops.ExitRefused, "from version 49, dirty to version 11, clean, whatever the database holds", "the comparison says: all of 000049 was applied", "not confirmed")
	}
	if p.versionRows() != "49 true" {
		t.Errorf("rows %s", p.versionRows())
	}
	s := p.atTerminal("migrate force 11")
	s.answers("Type '11' to continue:", "11\n")
	s.ends(ops.ExitDone, "Forced: the version row says version 11, clean")
	p.wantVersion(11)
}

// TestARepairThatIsInterrupted leaves no scratch database, and the row as it was.
func TestARepairThatIsInterrupted(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	dir := p.chain()
	p.write(filepath.Join(dir, "000012_slow.up.sql"), "SELECT pg_sleep(300);\nCREATE TABLE slow (n int);\n")
	p.write(filepath.Join(dir, "000012_slow.down.sql"), "DROP TABLE slow;\n")
	pgtest.Exec(t, p.target, "UPDATE schema_migrations SET version = 12, dirty = true")
	r := p.start("migrate", "repair", "--apply", "--path", dir)
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, p.asSuperuser(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = $1 AND query LIKE '%pg_sleep(300)%')", p.target.User)
	}, "the file runs on the scratch database")
	r.signal(syscall.SIGINT)
	r.wants(ops.ExitInterrupted, "interrupted during compare", "nothing was changed")
	if p.versionRows() != "12 true" {
		t.Errorf("rows %s", p.versionRows())
	}
	p.wantNoScratch()
}
