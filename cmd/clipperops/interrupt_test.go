package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// point is a place in a command where it is made to stand still, so that it can
// be interrupted or killed there.
type point struct {
	name string
	// migrated says that the database is at 97 before.
	migrated bool
	args     []string
	// lock is held by another session; blocked is the application that waits for it.
	// Without one a file of the chain stands still, on the clone.
	lock, blocked string
	// version is what the database is at afterwards.
	version int64
}

// points are planning, backing up, cloning, rehearsing, applying, archiving and
// reverting. What the clone's pg_dump would wait for as well is not rehearsed.
var points = []point{
	{"planning", false, []string{"migrate"}, "LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE", "clipperops migrate%", 10},
	{"backing up", false, []string{"migrate"}, "LOCK TABLE comments IN ACCESS EXCLUSIVE MODE", "pg_dump%", 10},
	{"reading the schema", false, []string{"migrate", "--skip-backup"}, "LOCK TABLE comments IN ACCESS EXCLUSIVE MODE", "clipperops migrate%", 10},
	{"cloning", false, []string{"migrate", "--skip-backup"}, "LOCK TABLE nobodys IN ACCESS EXCLUSIVE MODE", "pg_dump%", 10},
	{"rehearsing", false, []string{"migrate", "--target", "98", "--path", "chain"}, "", "", 10},
	{"rehearsing the way back", true, []string{"rollback", "--target", "10", "--allow-foreign", "--path", "chain"}, "", "", 98},
	{"applying", false, []string{"migrate"}, "SELECT 1 FROM clip_submissions", "clipperops%", 10},
	{"archiving", true, []string{"rollback", "--target", "10", "--skip-backup", "--rehearse", "off", "--reason", "test"}, "LOCK TABLE moderation_appeals IN ACCESS EXCLUSIVE MODE", "clipperops%", 97},
	{"reverting", true, []string{"rollback", "--target", "10", "--skip-backup"}, "SELECT 1 FROM moderation_queue", "clipperops%", 49},
}

// at brings a program to stand still at a point; free lets it go on.
func (p point) at(t *testing.T) (prog *program, r *running, free func()) {
	t.Helper()
	target := pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole())
	pgtest.Exec(t, target, "CREATE TABLE nobodys (n int)") // so bare that only pg_dump locks it
	prog = newProgram(t, target)
	if p.lock == "" {
		r, free = prog.atTheClone(p)
		return prog, r, free
	}
	if p.migrated {
		prog.wants(ops.ExitDone, "migrate --skip-backup")
	}
	free = pgtest.Hold(t, target, p.lock).Release
	r = prog.start(p.args...)
	r.awaitBlocked(prog, p.blocked)
	return prog, r, free
}

// atTheClone brings the program to stand still in a rehearsal: in the last file, up or down.
func (p *program) atTheClone(at point) (r *running, free func()) {
	p.t.Helper()
	gate, free := p.gate()
	dir := p.chain("000098_last")
	for _, name := range []string{"000098_last.up.sql", "000098_last.down.sql"} {
		p.replace(filepath.Join(dir, name), ";\n", ";\n"+gate)
	}
	if at.migrated {
		free()
		p.wants(ops.ExitDone, "migrate --skip-backup --target 98 --path chain")
		_, free = p.gate()
	}
	r = p.start(at.args...)
	p.awaitAtGate(1)
	return r, free
}

// TestInterruptLeavesACleanStateAndSaysSo presses Ctrl-C at each point.
func TestInterruptLeavesACleanStateAndSaysSo(t *testing.T) {
	t.Parallel()
	for _, p := range points {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			prog, r, free := p.at(t)
			r.signal(syscall.SIGINT)
			r.wants(ops.ExitInterrupted, "interrupted", "nothing was (changed|touched)|the database is at version|the (database|target) was only read")
			free()
			prog.wantVersion(p.version)
			prog.wantNothingHalfDone()
			prog.wantNoScratch()
			prog.wants(ops.ExitDone, joined(p.args))
		})
	}
}

// TestKillIsFoundByTheNextRun kills the program at each point with SIGKILL: the
// next run says so and goes on.
func TestKillIsFoundByTheNextRun(t *testing.T) {
	t.Parallel()
	for _, p := range points {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			prog, r, free := p.at(t)
			r.signal(syscall.SIGKILL)
			_ = r.cmd.Wait() // killed
			free()
			prog.awaitGone()
			prog.wants(ops.ExitDone, joined(p.args), "an earlier run was killed")
			prog.wantNothingHalfDone()
			prog.wantNoScratch()
		})
	}
}

// wantNothingHalfDone checks that no .partial file is left.
func (p *program) wantNothingHalfDone() {
	p.t.Helper()
	left, err := filepath.Glob(filepath.Join(p.dir, "backups", "*.partial"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, l := range left {
		p.t.Errorf("%s was left", filepath.Base(l))
	}
	if entries, _ := os.ReadDir(p.dir); len(entries) > 3 {
		p.t.Errorf("unexpected files beside backups and reports: %v", entries)
	}
}

// awaitGone waits until no session of clipperops or pg_dump is left, nor any in a clone.
func (p *program) awaitGone() {
	p.t.Helper()
	pgtest.Eventually(p.t, func() bool {
		return pgtest.QueryValue[int](p.t, p.target, `
			SELECT count(*)::int FROM pg_stat_activity
			 WHERE datname = current_database() AND (application_name LIKE 'clipperops%' OR application_name = 'pg_dump')
			    OR datname LIKE 'clipperops\_scratch\_%' AND usename = current_user`) == 0
	})
}

func joined(args []string) string {
	line := ""
	for _, a := range args {
		line += a + " "
	}
	return line
}
