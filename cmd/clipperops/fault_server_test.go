package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

// clipperOn makes a Clipper at version 10 on a server of the test's own.
func clipperOn(t *testing.T, server *sandbox.Server) config.Target {
	t.Helper()
	target := server.Target("clipper_db")
	pgtest.Exec(t, server.Target("postgres"), "CREATE DATABASE clipper_db")
	if err := sandbox.ApplyClipper(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if err := sandbox.Seed(t.Context(), target, 20, nil); err != nil {
		t.Fatal(err)
	}
	return target
}

// ledgerRows counts the runs in the ledger, 0 where there is none.
func (p *program) ledgerRows() int {
	p.t.Helper()
	if !pgtest.QueryValue[bool](p.t, p.target, "SELECT to_regclass('clipperops.runs') IS NOT NULL") {
		return 0
	}
	return pgtest.QueryValue[int](p.t, p.target, "SELECT count(*)::int FROM clipperops.runs")
}

// TestAServerThatGoesAwayInTheMiddle: it crashes under a backup, is restarted
// under a migration, under a rollback. Each time the run ends with the truth, and
// the next one goes on from there.
func TestAServerThatGoesAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, map[string]string{"synchronous_commit": "on"})
	p := newProgram(t, clipperOn(t, server))
	restart := func(t *testing.T) {
		t.Helper()
		if err := server.Restart(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("crashed under a backup", func(t *testing.T) {
		p := p.in(t)
		pgtest.HoldTable(t, p.target, "comments", "ACCESS EXCLUSIVE")
		r := p.start("backup")
		r.awaitBlocked(p, "pg_dump%")
		server.Kill()
		r.wants(ops.ExitFailed, "no backup was taken|nothing was changed")
		p.wantNothingHalfDone()
		if err := server.Resume(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		p.wants(ops.ExitDone, "backup")
	})
	t.Run("restarted under a migration", func(t *testing.T) {
		p := p.in(t)
		pgtest.HoldTable(t, p.target, "comments", "ROW EXCLUSIVE") // not in the way
		pgtest.HoldTable(t, p.target, "users", "ROW EXCLUSIVE")    // 000011 refers to it
		r := p.start("migrate", "--skip-backup")
		r.awaitBlocked(p, "clipperops migrate%")
		restart(t)
		r.wants(ops.ExitFailed, "000011_add_moderation_audit_logs.up.sql failed; nothing of it was applied",
			"the database is at version 10, clean", "same command again")
		p.wantVersion(10)
		p.wants(ops.ExitDone, "history", "command migrate .*outcome fail")
		p.wants(ops.ExitDone, "migrate --skip-backup", "10 → 97")
	})
	t.Run("restarted under a rollback", func(t *testing.T) {
		p := p.in(t)
		pgtest.HoldTable(t, p.target, "moderation_queue", "ACCESS SHARE")
		r := p.start("rollback", "--target", "10", "--skip-backup")
		r.awaitBlocked(p, "clipperops rollback%")
		restart(t)
		r.wants(ops.ExitFailed, "000049_add_moderation_queue_system.down.sql failed; nothing of it was applied",
			"the database is at version 49, clean; 000097, 000069, 000050 were applied in this run", "archive-")
		p.wantVersion(49)
		p.wants(ops.ExitDone, "rollback --target 10 --skip-backup", "49 → 10", "Rolled back to version 10")
		p.wantVersion(10)
	})
	t.Run("stopped before the run", func(t *testing.T) {
		p := p.in(t)
		server.Kill()
		p.wants(ops.ExitFailed, "migrate", "refused|does not accept", "nothing was (changed|touched)")
		if err := server.Resume(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		p.wants(ops.ExitDone, "migrate --skip-backup")
	})
}

// TestAStandbyIsRefused: preflight says that it is one, and nothing that changes
// something begins.
func TestAStandbyIsRefused(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartServer(t, nil)
	clipperOn(t, primary)
	standby := pgtest.Standby(t, primary)
	p := newProgram(t, standby.Target("clipper_db"))

	p.wants(ops.ExitChecks, "preflight", "db.primary", "standby", "Pre-flight checks failed!")
	for _, args := range []string{"migrate", "migrate --skip-backup", "migrate --target 11"} {
		d := p.wantsDocument(ops.ExitChecks, args)
		if d.Error == nil || !strings.Contains(strings.Join(d.Error.Next, " "), "db.primary") || len(d.Error.State) == 0 || d.Error.State[0] != "nothing was changed" {
			t.Errorf("%s: %+v", args, d.Error)
		}
	}
	p.wantVersion(10)
	if n := p.ledgerRows(); n != 0 {
		t.Errorf("%d runs are recorded", n)
	}
	if left, _ := filepath.Glob(p.path("backups", "*")); len(left) > 0 {
		t.Errorf("a database that will not be changed was saved: %q", left)
	}

	// What only reads works there.
	p.wants(ops.ExitDone, "migrate status", "version 10, clean")
	p.wants(ops.ExitDone, "migrate --dry-run", "10 → 97")
	p.wants(ops.ExitDone, "validate", "not applied")
	p.wants(ops.ExitDone, "backup", "standby|recovery|restorable")
}

// TestAServerTooOldIsRefused: a release that asks for a version that does not
// exist yet makes every server too old.
func TestAServerTooOldIsRefused(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	release, files := p.favourites()
	p.replace(release, "prerequisites:\n", "prerequisites:\n  postgres: 99\n")
	chosen := " --release " + release + " --path " + files
	p.wants(ops.ExitChecks, "preflight"+chosen, "db.version", "99 or newer", "Pre-flight checks failed!")
	p.wants(ops.ExitChecks, "migrate"+chosen, "db.version", "nothing was changed")
	p.wantVersion(10)
}
