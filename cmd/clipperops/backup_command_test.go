package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// dropped drops a database of the shared server, now and at the end of the test.
func dropped(t *testing.T, name string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	server := pgtest.Shared(t)
	drop := func() {
		conn, err := pg.Connect(ctx, server, pg.ConnOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close(ctx) }() // what it did is done
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()); err != nil {
			t.Error(err)
		}
	}
	drop()
	t.Cleanup(drop)
}

// Guards against a backup beside a migration: pg_dump's locks hold up the
// migration's, and what it saves is of a version half way.
func TestABackupIsNotTakenWhileSomebodyMigrates(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	first, free := p.stuck()
	p.set("USER", "bob")
	who := `pid \d+.*clipperops migrate \(alice@\S+\).*since \d{4}-\d\d-\d\d \d\d:\d\d`
	p.wants(ops.ExitBusy, "backup", who, "nothing was (changed|touched)")
	p.wants(ops.ExitBusy, "backup create", who)
	p.wantBackups("*", 0)
	free()
	first.wants(ops.ExitDone)
	p.wants(ops.ExitDone, "backup")
	p.wantBackups("db-*.sql.gz", 1)

	for _, id := range pg.MigrateLockIDs(p.target.Database, "public", "schema_migrations") {
		held := pgtest.Hold(t, p.target, "SELECT pg_advisory_xact_lock($1)", id)
		p.wants(ops.ExitBusy, "backup", fmt.Sprintf("pid %d", held.PID), "the golang-migrate lock")
		held.Release()
	}
	p.wantBackups("db-*.sql.gz", 1)
}

// Guards against a restore that needs the very database that was lost, and then
// refuses because it exists.
func TestALostDatabaseIsRestoredUnderItsOwnName(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper()))
	p.wants(ops.ExitDone, "backup")
	users := pgtest.QueryValue[int](t, p.target, "SELECT count(*) FROM users")
	dropped(t, p.target.Database)
	file := p.wantBackups("db-*.sql.gz", 1)[0]
	p.wants(ops.ExitDone, "backup restore "+file+" --into "+p.target.Database, "is restored into "+p.target.Database, "this run is not recorded")
	p.wantVersion(10)
	if got := pgtest.QueryValue[int](t, p.target, "SELECT count(*) FROM users"); got != users {
		t.Errorf("%d users, want %d", got, users)
	}
	p.wants(ops.ExitRefused, "backup restore "+file+" --into "+p.target.Database, "exists already")
}

// Guards against a new database of which nobody knows who made it: neither the
// ledger nor a report spoke of a restore.
func TestARestoreIsInTheHistoryAndLeavesItsReport(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper()))
	p.wants(ops.ExitDone, "backup")
	into := p.target.Database + "_r"
	dropped(t, into)
	file := p.wantBackups("db-*.sql.gz", 1)[0]
	p.wants(ops.ExitDone, "backup restore "+file+" --into "+into)
	for _, ext := range []string{"html", "json"} {
		if found, err := filepath.Glob(p.path("reports", "backup-restore-staging-*."+ext)); err != nil || len(found) != 1 {
			t.Errorf("reports: %q, %v", found, err)
		}
	}
	p.wants(ops.ExitDone, "history", "backup restore +.*alice")
	p.wants(ops.ExitRefused, "backup restore "+file+" --into "+into)
	outcomes := pgtest.QueryColumn[string](t, p.target, "SELECT outcome FROM clipperops.runs WHERE command = 'backup restore' ORDER BY started")
	if !slices.Equal(outcomes, []string{"pass", "refused"}) {
		t.Errorf("outcomes in the ledger: %q", outcomes)
	}
}

// Guards against a suggested command that means something else to the shell.
func TestTheCommandThatProvesABackupCanBeTypedAsItStands(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	target.Database += "'s $(own) db"
	dropped(t, target.Database)
	pgtest.Exec(t, pgtest.Shared(t), "CREATE DATABASE "+pgx.Identifier{target.Database}.Sanitize())
	pgtest.Exec(t, target, "CREATE TABLE t AS SELECT 1 AS n")
	p := newProgram(t, target)
	p.set("BACKUP_DIR", p.path("back ups; it's"))
	dropped(t, target.Database+"_check")
	next := p.wantsDocument(ops.ExitDone, "backup").Next
	if len(next) != 1 || !strings.HasPrefix(next[0], "prove it: ") {
		t.Fatalf("next: %q", next)
	}
	p.begin(exec.Command("sh", "-c", strings.TrimPrefix(next[0], "prove it: "))).wants(ops.ExitDone, "is restored into")
}
