package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// bulky makes a Clipper whose dump does not compress: some 500 kB of it.
func bulky(t *testing.T) config.Target {
	t.Helper()
	target := pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole())
	pgtest.Exec(t, target, `CREATE TABLE noise AS SELECT gen_random_uuid() AS a, gen_random_uuid() AS b FROM generate_series(1, 12000)`)
	return target
}

// wantBackups checks how many files whose names match are in the backup directory.
func (p *program) wantBackups(pattern string, n int) []string {
	p.t.Helper()
	found, err := filepath.Glob(p.path("backups", pattern))
	if err != nil {
		p.t.Fatal(err)
	}
	if len(found) != n {
		p.t.Errorf("%d files are called %s, want %d: %q", len(found), pattern, n, found)
	}
	return found
}

// TestADiskFullWhileBackingUp: no backup, no part of one, nothing migrated. It
// becomes full after preflight found room enough.
func TestADiskFullWhileBackingUp(t *testing.T) {
	t.Parallel()
	p := newProgram(t, bulky(t))
	disk := t.TempDir()
	if mountSmall(disk) != nil {
		t.Log("no disk of its own without root: TestAFileThatMayNotGrowWhileBackingUp meets the same answer in the same write")
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	p.set("BACKUP_DIR", disk)
	held := pgtest.HoldTable(t, p.target, "comments", "ACCESS EXCLUSIVE")
	r := p.start("migrate")
	r.awaitBlocked(p, "pg_dump%")
	fill(t, filepath.Join(disk, "others"))
	held.Release()
	r.wants(ops.ExitFailed, "disk is full", "no backup was taken", "df -h "+disk)
	p.wantVersion(10)
	if left, err := os.ReadDir(disk); err != nil || len(left) != 1 {
		t.Errorf("left on the full disk: %v, %v", left, err)
	}
	p.awaitGone()

	// Now preflight sees it beforehand, and elsewhere there is room.
	p.wants(ops.ExitChecks, "migrate", "db.disk.local", "nothing was changed")
	p.set("BACKUP_DIR", p.path("backups"))
	p.wants(ops.ExitDone, "migrate")
	p.wantVersion(97)
}

// fill writes a file until the disk has no room left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<16); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_ = f.Close() // every byte that was written is
}

// TestAFileThatMayNotGrowWhileBackingUp: the limit is that of the process, the
// answer to its write the same. No file may be larger than 64 kB.
func TestAFileThatMayNotGrowWhileBackingUp(t *testing.T) {
	t.Parallel()
	p := newProgram(t, bulky(t))
	for _, command := range []string{"backup", "migrate"} {
		limited := exec.Command("sh", "-c", "ulimit -f 128 && exec clipperops "+command)
		p.begin(limited).wants(ops.ExitFailed, "(?i)file too large|may not become larger|disk is full", "no backup was taken")
		p.wantNothingHalfDone()
		p.wantBackups("*", 0)
	}
	p.wantVersion(10)
	p.wants(ops.ExitDone, "backup")
}

// TestAPgDumpThatDiesHalfWay guards against `pg_dump | gzip`, which succeeds
// however pg_dump ends.
func TestAPgDumpThatDiesHalfWay(t *testing.T) {
	t.Parallel()
	for name, ending := range map[string]struct{ script, says string }{
		"killed":                   {`"$REAL" "$@" 2>/dev/null | head -c 200000; kill -9 $$`, "pg_dump failed: .*killed"},
		"ends with an exit status": {`"$REAL" "$@" 2>/dev/null | head -c 200000; exit 3`, "pg_dump failed: exit status 3"},
		"claims success":           {`"$REAL" "$@" 2>/dev/null | head -c 200000`, "dump complete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, bulky(t))
			path := p.wrap("pg_dump", `case "$*" in *--version*) exec "$REAL" "$@" ;; esac; `+ending.script)
			p.wants(ops.ExitFailed, "migrate", ending.says, "no backup was taken")
			p.wantNothingHalfDone()
			p.wantBackups("*", 0)
			p.wantVersion(10)
			p.awaitGone()
			p.set("PATH", path)
			p.wants(ops.ExitDone, "migrate")
		})
	}
}

// wrap puts a program of that name first in PATH, a shell script in which $REAL is
// the real one, and returns PATH without it.
func (p *program) wrap(name, script string) (path string) {
	p.t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		p.t.Fatal(err)
	}
	dir := p.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\nREAL="+found+"\n"+script+"\n"), 0o700); err != nil {
		p.t.Fatal(err)
	}
	path = os.Getenv("PATH")
	p.set("PATH", dir+":"+path)
	return path
}

// TestThePartialOfAKilledRunIsListedAndCleared: it is never taken for a backup.
func TestThePartialOfAKilledRunIsListedAndCleared(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	held := pgtest.HoldTable(t, p.target, "comments", "ACCESS EXCLUSIVE")
	r := p.start("backup")
	r.awaitBlocked(p, "pg_dump%")
	p.wantBackups("*.partial", 1)
	p.wants(ops.ExitDone, "backup list", "running")
	r.signal(syscall.SIGKILL)
	_ = r.cmd.Wait() // killed
	held.Release()
	p.awaitGone()

	partial := filepath.Base(p.wantBackups("*.partial", 1)[0])
	p.wants(ops.ExitDone, "backup list", "partial: .*killed", partial)
	p.wants(ops.ExitRefused, "backup restore "+filepath.Join("backups", partial)+" --into "+p.target.Database+"_r", "partial|unfinished|not complete")
	p.wants(ops.ExitDone, "backup", "removed "+partial)
	p.wantNothingHalfDone()
	p.wantBackups("db-*.sql.gz", 1)
	p.wants(ops.ExitDone, "backup list", "complete")
}

// TestABackupDirectoryThatCannotBeUsed stops a migration before anything is done.
func TestABackupDirectoryThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.write(p.path("file"), "")
	p.set("BACKUP_DIR", p.path("file", "backups"))
	p.wants(ops.ExitChecks, "migrate", "db.disk.local", "nothing was changed")
	p.wants(ops.ExitFailed, "backup", "BACKUP_DIR", "nothing was changed|no backup was taken")
	p.wantVersion(10)
	p.wants(ops.ExitDone, "migrate --skip-backup")
	p.wants(ops.ExitFailed, "rollback --target 10 --skip-backup", "nothing was changed|no row|BACKUP_DIR")
	p.wantVersion(97)
}
