package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// alive reports whether a server process is still there.
func (p *program) alive(pid uint32) bool {
	p.t.Helper()
	return pgtest.QueryValue[bool](p.t, p.target, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid)
}

// TestAnIdleBlockerIsEndedWhereThatIsAllowed: it sits idle in its transaction for longer
// than the time given, and is named. Without the flag it is only named.
func TestAnIdleBlockerIsEndedWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	held := pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
	bystander := pgtest.HoldTable(t, p.target, "comments", "ACCESS SHARE")      // as idle, and in nobody's way
	const patience = " --skip-backup --lock-timeout 1500ms --lock-retry-for 3s" // long enough to see who it is
	p.wants(ops.ExitFailed, "migrate"+patience, fmt.Sprintf("held by pid %d \\(pgtest holder, idle in transaction", held.PID), "next try in")
	p.wants(ops.ExitFailed, "migrate --cancel-idle-blockers 1h"+patience, fmt.Sprintf("blocked by.*pid %d", held.PID))
	if !p.alive(held.PID) {
		t.Fatal("a session was ended that nobody may end")
	}
	p.wantVersion(10)

	d := p.wantsDocument(ops.ExitDone, "migrate --skip-backup --cancel-idle-blockers 1s --lock-timeout 500ms")
	wantResult(t, d, "apply", "apply.ended", ops.StatusWarn, fmt.Sprintf("pid %d", held.PID), "pgtest holder", "idle in transaction")
	p.wantVersion(97)
	if p.alive(held.PID) {
		t.Error("the session that was in the way is still there")
	}
	if !p.alive(bystander.PID) {
		t.Error("a session was ended that was in nobody's way")
	}
}

// TestABlockerThatWorksIsNeverEnded, whatever it holds and however long.
func TestABlockerThatWorksIsNeverEnded(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	working, err := pgx.Connect(ctx, p.target.ConnString()+" application_name=nightly")
	if err != nil {
		t.Fatal(err)
	}
	pid := working.PgConn().PID()
	done := make(chan error, 1)
	go func() {
		_, err := working.Exec(ctx, "BEGIN; SELECT count(*) FROM clip_submissions; SELECT pg_sleep(3600)")
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, p.target, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep')", pid)
	}, "the report runs")
	p.wants(ops.ExitFailed, "migrate --skip-backup --cancel-idle-blockers 1ms --lock-timeout 1500ms --lock-retry-for 3s",
		fmt.Sprintf("pid %d", pid), "nightly", "the database is at version 10, clean")
	if !p.alive(pid) {
		t.Error("a session that works was ended")
	}
	p.wantVersion(10)
}

// TestABlockerInTheWayOfARollback is ended there too.
func TestABlockerInTheWayOfARollback(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole()))
	held := pgtest.HoldTable(t, p.target, "moderation_appeals", "ACCESS SHARE")
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup --cancel-idle-blockers 500ms --lock-timeout 500ms",
		fmt.Sprintf("ended.*pid %d", held.PID), "Rolled back to version 10")
	p.wantVersion(10)
}

// TestATableThatIsLockedWhileTheSchemaIsRead: who locks it is named, for the rehearsal needs
// to read about every table, and for the clone pg_dump locks even the barest.
func TestATableThatIsLockedWhileTheSchemaIsRead(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	pgtest.Exec(t, p.target, "CREATE TABLE nobodys (n int)")
	for _, table := range []string{"comments", "nobodys"} {
		held := pgtest.HoldTable(t, p.target, table, "ACCESS EXCLUSIVE")
		d := p.wantsDocument(ops.ExitFailed, "migrate --skip-backup")
		wantSaid(t, d, "locked", fmt.Sprintf("pid %d", held.PID), "pgtest holder", fmt.Sprintf("pg_terminate_backend(%d)", held.PID), "same command again")
		held.Release()
		p.wantVersion(10)
		p.wantNoScratch()
	}
	p.wants(ops.ExitDone, "migrate --skip-backup")
}
