package main

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// startGoMigrate starts golang-migrate's own command line on the program's database.
func (p *program) startGoMigrate(args ...string) *running {
	p.t.Helper()
	path, err := goMigrate()
	if err != nil {
		p.t.Fatal(err)
	}
	url := strings.Replace(p.target.URL().Reveal(), "postgres://", "pgx5://", 1) + "&application_name=golang-migrate"
	return p.begin(exec.Command(path, append([]string{"-database", url}, args...)...))
}

// stuck starts a migration that stands still in its first file, with the lock of
// operators held.
func (p *program) stuck(args ...string) (r *running, free func()) {
	p.t.Helper()
	free = pgtest.HoldTable(p.t, p.target, "clip_submissions", "ACCESS SHARE").Release
	r = p.start(append([]string{"migrate", "--skip-backup", "--skip-validation"}, args...)...)
	r.awaitBlocked(p, "clipperops migrate%")
	return r, free
}

// TestTheSecondOperatorIsToldWhoWorksAndSinceWhen: exit 6, in the time it takes
// to look, whatever the second one wants to change; looking itself goes on.
func TestTheSecondOperatorIsToldWhoWorksAndSinceWhen(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	first, free := p.stuck()

	p.set("USER", "bob")
	who := `pid \d+.*clipperops migrate \(alice@\S+\).*since \d{4}-\d\d-\d\d \d\d:\d\d`
	p.wants(ops.ExitBusy, "migrate", who, "nothing was (changed|touched)")
	p.wants(ops.ExitBusy, "rollback --target 10", who, "nothing was (changed|touched)")
	busy := p.wantsDocument(ops.ExitBusy, "migrate")
	if busy.Error == nil || !strings.Contains(strings.Join(busy.Error.Detail, "\n")+busy.Error.What, "alice@") {
		t.Errorf("the document does not say who: %+v", busy.Error)
	}
	p.wants(ops.ExitDone, "migrate status", "somebody is at work", who)
	p.wants(ops.ExitDone, "migrate --dry-run", "10 → 97")
	p.wants(ops.ExitChecks, "preflight", "activity.migrator", "clipperops migrate")
	p.wants(ops.ExitDone, "history")

	free()
	first.wants(ops.ExitDone)
	p.wantVersion(97)
	p.wants(ops.ExitDone, "migrate", "nothing to do")
}

// TestGolangMigrateAtWorkIsBusy: its command line and ours exclude each other,
// first with it ahead, then with us.
func TestGolangMigrateAtWorkIsBusy(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	dir := p.chain()
	held := pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
	other := p.startGoMigrate("-path", dir, "up", "1")
	other.awaitBlocked(p, "golang-migrate%")

	p.wants(ops.ExitBusy, "migrate", `pid \d+.*golang-migrate.*since \d{4}-\d\d-\d\d \d\d:\d\d`, "nothing was (changed|touched)")
	p.wants(ops.ExitBusy, "rollback --target 10", "golang-migrate")
	held.Release()
	other.wants(ops.ExitDone)
	p.wantVersion(11)
	p.wants(ops.ExitDone, "migrate --skip-backup", "11 → 97")
}

// TestGolangMigrateWaitsForUs guards the lock ids: golang-migrate derives its own
// from the database's name, and its command writes that name with a slash.
func TestGolangMigrateWaitsForUs(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	dir := p.chain()
	ours, free := p.stuck()
	theirs := p.startGoMigrate("-path", dir, "up")
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, p.target, `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE a.datname = current_database() AND a.application_name = 'golang-migrate' AND l.locktype = 'advisory' AND NOT l.granted)`)
	}, "golang-migrate waits")
	p.wantVersion(10)
	free()
	ours.wants(ops.ExitDone)
	theirs.wants(ops.ExitDone, "no change")
	p.wantVersion(97)
}

// TestATableInUseIsWaitedForAndItsHolderNamed: an idle transaction holds the
// table, the try gives way, and succeeds when the transaction ends.
func TestATableInUseIsWaitedForAndItsHolderNamed(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	held := pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
	r := p.start("migrate", "--skip-backup", "--lock-timeout", "200ms")
	r.awaitSays(fmt.Sprintf(`clip_submissions,? held by pid %d \(pgtest holder, idle in transaction`, held.PID))
	r.awaitSays("next try in")
	held.Release()
	r.wants(ops.ExitDone, `000011 \S+ +\(\d+(st|nd|rd|th) try\)`, "Moderation system is ready for use.")
	p.wantVersion(97)
}

// TestALockThatIsNeverFreeEndsTheRun: the time allowed for trying is over, and
// the blockers, the state and what to type are said.
func TestALockThatIsNeverFreeEndsTheRun(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	held := pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
	const patience = " --lock-timeout 1500ms --lock-retry-for 3s" // long enough to see who it is
	terminate := fmt.Sprintf(`SELECT pg_terminate_backend\(%d\)`, held.PID)
	p.wants(ops.ExitFailed, "migrate --skip-backup"+patience,
		`000011_add_moderation_audit_logs.up.sql failed after \d+ attempts`,
		"nothing of it was applied", "55P03", fmt.Sprintf("blocked by.*pid %d", held.PID),
		"the database is at version 10, clean", terminate)
	p.wantVersion(10)
	if pgtest.QueryValue[bool](t, p.target, "SELECT to_regclass('moderation_audit_logs') IS NOT NULL") {
		t.Error("a part of the file was applied")
	}
	once := p.wantsDocument(ops.ExitFailed, "migrate --skip-backup --lock-timeout 100ms --lock-retry-for 0s")
	if once.Error == nil || strings.Contains(once.Error.What, "attempts") || len(once.Error.State) == 0 {
		t.Errorf("with no time to try again: %+v", once.Error)
	}
	p.awaitGone()
	held.Release()
	p.wants(ops.ExitDone, "migrate --skip-backup"+patience)
	p.wantVersion(97)
}

// TestInterruptWhileGivingWay presses Ctrl-C between two tries.
func TestInterruptWhileGivingWay(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
	r := p.start("migrate", "--skip-backup", "--lock-timeout", "100ms", "--output", "json")
	r.awaitSays("next try in")
	r.signal(syscall.SIGINT)
	r.wants(ops.ExitInterrupted, "interrupted")
	if d := r.document(ops.ExitInterrupted); d.Error == nil || !strings.Contains(strings.Join(d.Error.State, "\n"), "version 10, clean") {
		t.Errorf("the state is not said: %+v", d.Error)
	}
	p.wantVersion(10)
}

// TestTheTimeAllowedIsOver: --timeout ends a migration that waits, and says so.
func TestTheTimeAllowedIsOver(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	held := pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
	// How long it takes to get to the file depends on the machine.
	for timeout := 2 * time.Second; ; timeout *= 2 {
		text := p.wants(ops.ExitFailed, "migrate --skip-backup --timeout "+timeout.String(),
			"gave up during .*: the time allowed by --timeout is over", "nothing was (changed|touched)|was only read|version 10, clean")
		p.wantVersion(10)
		if strings.Contains(text, "gave up during apply") {
			break
		}
		if timeout > time.Minute {
			t.Fatalf("it did not get to the file within %s:\n%s", timeout, text)
		}
	}
	p.awaitGone()
	held.Release()

	planning := pgtest.HoldTable(t, p.target, "schema_migrations", "ACCESS EXCLUSIVE")
	p.wants(ops.ExitFailed, "migrate --timeout 1s", "--timeout is over", "nothing was (changed|touched)")
	p.wants(ops.ExitFailed, "preflight --timeout 1s", "--timeout is over", "nothing was changed")
	planning.Release()
	p.wants(ops.ExitUsage, "migrate --timeout soon")
	p.wants(ops.ExitDone, "migrate --skip-backup --timeout 10m")
	p.wantVersion(97)
}
