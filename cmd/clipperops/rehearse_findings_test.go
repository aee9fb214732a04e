package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestWhatIsLostIsSaidBefore: the schema comes back by the down file, what stood in it does not.
func TestWhatIsLostIsSaidBefore(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	pgtest.Exec(t, p.target, "ALTER TABLE comments ADD COLUMN mood text; UPDATE comments SET mood = 'fine'; ANALYZE comments; CREATE TABLE old_votes AS SELECT g AS n FROM generate_series(1, 1234) AS g; ANALYZE old_votes")
	chosen := p.tiny(map[string]string{
		"000011_tidy.up.sql":   "ALTER TABLE comments DROP COLUMN mood;\nDROP TABLE old_votes;\n",
		"000011_tidy.down.sql": "ALTER TABLE comments ADD COLUMN mood text;\nCREATE TABLE old_votes (n int);\n",
	})
	for _, mode := range []string{"schema", "data"} {
		d := p.wantsDocument(ops.ExitDone, "migrate rehearse --rehearse "+mode+chosen)
		wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
		wantResult(t, d, "rehearse", "rehearse.lost", ops.StatusWarn, "old_votes", "1,234", "comments.mood")
	}
	p.wants(ops.ExitDone, "migrate --skip-backup"+chosen, "old_votes", "1,234 rows")
	p.wantNoScratch()
}

// TestALongStatementSaysHowLongItWillTake, as it took on the clone.
func TestALongStatementSaysHowLongItWillTake(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_slow.up.sql":   "CREATE TABLE one (n int);\nSELECT pg_sleep(8);\n",
		"000011_slow.down.sql": "DROP TABLE one;\n",
	})
	p.wants(ops.ExitDone, "migrate --skip-backup"+chosen, `apply +.*000011.* about \d+ s left`)
}

// TestNamesThatNeedQuotes of databases, roles and objects are no obstacle.
func TestNamesThatNeedQuotes(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	target.Database += `'s "$(own)" Db; --`
	dropped(t, target.Database)
	pgtest.Exec(t, pgtest.Shared(t), "CREATE DATABASE "+pgx.Identifier{target.Database}.Sanitize())
	pgtest.Exec(t, target, `CREATE SCHEMA "Odd's"; CREATE TABLE "Odd's"."Table ""x""" ("Col %s" int, "select" text DEFAULT '\n'); CREATE INDEX "i-1" ON "Odd's"."Table ""x""" ("Col %s")`)
	p := newProgram(t, target)
	chosen := p.tiny(map[string]string{
		"000011_odd.up.sql":   "ALTER TABLE \"Odd's\".\"Table \"\"x\"\"\" ADD COLUMN \"n;\" int;\nCREATE TABLE \"Überall\" (n int);\n",
		"000011_odd.down.sql": "DROP TABLE \"Überall\";\nALTER TABLE \"Odd's\".\"Table \"\"x\"\"\" DROP COLUMN \"n;\";\n",
	})
	pgtest.Exec(t, target, "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (10, false)")
	for _, on := range []string{"same", "local"} {
		d := p.wantsDocument(ops.ExitDone, "migrate rehearse --rehearse-on "+on+chosen)
		wantResult(t, d, "rehearse", "rehearse.clone", ops.StatusPass)
		wantResult(t, d, "rehearse", "rehearse.reversible", ops.StatusPass)
	}
	d := p.wantsDocument(ops.ExitDone, "migrate --rehearse data"+chosen)
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup"+chosen, "Rolled back to version 10")
}

// TestAFileThatRunsOnlyForTheRoleThatMigrates: the clone is migrated as the role that will
// migrate, with its rights and no more, also on a throwaway server.
func TestAFileThatRunsOnlyForTheRoleThatMigrates(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	pgtest.Exec(t, p.asSuperuser(), "CREATE TABLE theirs (n int); GRANT SELECT ON theirs TO "+pgx.Identifier{p.target.User}.Sanitize())
	chosen := p.tiny(map[string]string{
		"000011_grab.up.sql":   "DO $$ BEGIN EXECUTE 'ALTER TABLE the' || 'irs ADD COLUMN m int'; END $$;\n",
		"000011_grab.down.sql": "SELECT 1;\n",
	})
	d := p.wantsDocument(ops.ExitRefused, "migrate --skip-backup --rehearse-on local"+chosen)
	wantRefused(t, d, "000011_grab.up.sql", "must be owner of table theirs", "42501")
	// On the target's own server our role cannot give the other what it owns.
	wantRefused(t, p.wantsDocument(ops.ExitRefused, "migrate --skip-backup"+chosen), "own", "--rehearse-on local")
	p.wantVersion(10)
	p.wantNoScratch()
}

// TestCtrlCWhereverTheCloneIs: nothing is left on a server that was named, and the throwaway
// server goes.
func TestCtrlCWhereverTheCloneIs(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_slow.up.sql":   "DO $$ BEGIN IF NOT EXISTS (SELECT FROM users) THEN PERFORM pg_sleep(3600); END IF; END $$;\n",
		"000011_slow.down.sql": "SELECT 1;\n",
	})
	server, url := rehearsalServer(t, p.target.User)
	there := server.Target("postgres")
	r := p.start(strings.Fields("migrate rehearse --rehearse-on " + url.URL().Reveal() + chosen)...)
	awaitSleeping(t, there)
	r.signalled(ops.ExitInterrupted, "interrupted during rehearse", "nothing was changed")
	if left := scratchOn(t, there, p.target.User); len(left) > 0 {
		t.Errorf("left there: %q", left)
	}

	p.set("TMPDIR", shortTempDir(t))
	r = p.start(strings.Fields("migrate rehearse --rehearse-on local" + chosen)...)
	r.awaitSays("000011 .*PgSleep")
	if found := p.throwaways(); len(found) == 0 {
		t.Error("no throwaway server runs")
	}
	r.signalled(ops.ExitInterrupted, "interrupted during rehearse", "nothing was changed")
	if found := p.throwaways(); len(found) > 0 {
		t.Errorf("still there: %q", found)
	}

	// Killed, the server goes with it where the system can do that; what is left of it on
	// the disk goes with the next.
	r = p.start(strings.Fields("migrate rehearse --rehearse-on local" + chosen)...)
	r.awaitSays("000011 .*PgSleep")
	r.signal(syscall.SIGKILL)
	_ = r.cmd.Wait() // killed
	if runtime.GOOS == "linux" {
		pgtest.Eventually(t, func() bool { return !strings.Contains(arguments(t), p.tempDir()) }, "the throwaway server ends")
	}
	p.rewrite("000011_slow.up.sql", "SELECT 1;\n")
	p.wants(ops.ExitDone, "migrate rehearse --rehearse-on local"+chosen)
	if found := p.throwaways(); len(found) > 0 {
		t.Errorf("still there: %q", found)
	}
}

// awaitSleeping waits until somebody sleeps in a scratch database of the server.
func awaitSleeping(t *testing.T, server config.Target) {
	t.Helper()
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, server, `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname LIKE 'clipperops\_scratch\_%' AND wait_event = 'PgSleep')`)
	}, "the rehearsal sleeps")
}

// signalled presses Ctrl-C and waits for the end.
func (r *running) signalled(code ops.ExitCode, patterns ...string) {
	r.t.Helper()
	r.signal(syscall.SIGINT)
	r.wants(code, patterns...)
}

// shortTempDir is a directory for temporary files in which another account may work, too.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "co")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o1777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// tempDir is the program's TMPDIR, which must be set.
func (p *program) tempDir() string {
	p.t.Helper()
	for _, v := range p.env {
		if dir, is := strings.CutPrefix(v, "TMPDIR="); is {
			return dir
		}
	}
	p.t.Fatal("no TMPDIR")
	return ""
}

// throwaways are what throwaway servers of the program have: files below its TMPDIR, and
// processes that name it.
func (p *program) throwaways() []string {
	p.t.Helper()
	found, err := filepath.Glob(filepath.Join(p.tempDir(), "*"))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(arguments(p.t)) {
		if strings.Contains(line, p.tempDir()) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}
