package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/reports"
)

// wantTold checks that a document of a failure says what happened, what is true
// now and what to type.
func wantTold(t *testing.T, d reports.RunDocument) {
	t.Helper()
	if d.Error == nil {
		t.Fatalf("exit code %d, and no error in the document", d.ExitCode)
	}
	if d.Error.What == "" || len(d.Error.State) == 0 || len(d.Error.Next) == 0 {
		t.Errorf("exit code %d: %+v", d.ExitCode, d.Error)
	}
	if d.ID == "" || d.Command == "" || d.Started == "" || d.Host == "" || d.Version == "" {
		t.Errorf("exit code %d: the document does not say which run it is of: %+v", d.ExitCode, d)
	}
}

// TestEveryFailureIsOneDocument, of every exit code there is today.
func TestEveryFailureIsOneDocument(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	wantTold(t, p.wantsDocument(ops.ExitUsage, "migrate --taget 97"))
	wantTold(t, p.wantsDocument(ops.ExitUsage, "preflight --env qa"))
	wantTold(t, p.wantsDocument(ops.ExitRefused, "migrate --env production"))
	wantTold(t, p.wantsDocument(ops.ExitRefused, "rollback --target 9"))
	if d := p.wantsDocument(ops.ExitChecks, "preflight --database-url postgres://x@127.0.0.1:1/none"); len(d.Steps) == 0 || len(d.Next) == 0 {
		t.Errorf("checks that failed: %+v", d)
	}

	running, free := p.stuck("--output", "json")
	wantTold(t, p.wantsDocument(ops.ExitBusy, "migrate"))
	running.signal(syscall.SIGINT)
	running.wants(ops.ExitInterrupted)
	wantTold(t, running.document(ops.ExitInterrupted))
	wantTold(t, p.wantsDocument(ops.ExitFailed, "migrate --skip-backup --lock-timeout 50ms --lock-retry-for 200ms"))
	free()

	if d := p.wantsDocument(ops.ExitDone, "migrate"); d.Error != nil || len(d.Artifacts) < 3 {
		t.Errorf("a success: %+v", d)
	}
	for _, args := range []string{"preflight", "validate", "migrate status", "migrate --dry-run", "rollback --target 10 --dry-run", "backup"} {
		p.wantsDocument(ops.ExitDone, args)
	}
	pgtest.Exec(t, p.target, "DROP INDEX idx_modqueue_status_priority")
	if d := p.wantsDocument(ops.ExitChecks, "validate"); len(d.Next) == 0 || d.Error != nil {
		t.Errorf("validation that failed: %+v", d)
	}
}

// TestAReportIsLeftOfEveryChange, also of one that failed, and is for its operator
// alone: it names hosts, roles and paths.
func TestAReportIsLeftOfEveryChange(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	asked := "mine.html mine.json mine.txt mine.md mine.xml"
	held := pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
	p.wants(ops.ExitFailed, "migrate --skip-backup --lock-timeout 50ms --lock-retry-for 200ms --report "+strings.ReplaceAll(asked, " ", " --report "), `report: \S+migrate-staging-\S+\.html`)
	held.Release()
	if d := p.lastReport("migrate"); d.ExitCode != ops.ExitFailed || d.Error == nil || !strings.Contains(strings.Join(d.Error.State, " "), "version 10, clean") {
		t.Errorf("the report of the failure: %+v", d)
	}
	for name := range strings.FieldsSeq(asked) {
		body, err := os.ReadFile(p.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(body), "version 10, clean") {
			t.Errorf("%s does not say what state the database is in:\n%s", name, body)
		}
	}
	p.wants(ops.ExitDone, "migrate", `report: \S+migrate-staging-\S+\.html`)
	p.wants(ops.ExitDone, "rollback --target 10", `report: \S+rollback-staging-\S+\.html`)

	// What only looks leaves nothing.
	before := p.files()
	for _, args := range []string{"preflight", "migrate --dry-run", "migrate status", "validate", "rollback --target 10", "history", "backup list"} {
		p.wants(ops.ExitDone, args)
	}
	if after := p.files(); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("there are now %q, before %q", after, before)
	}
	for _, path := range before {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		want := os.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

// TestRunsOfTheSameSecondKeepTheirReports guards against one run's report
// replacing another's.
func TestRunsOfTheSameSecondKeepTheirReports(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	const runs = 4 // of which two at least begin in the same second, most likely
	for range runs {
		p.wants(ops.ExitRefused, "rollback --target 9")
	}
	if found, _ := filepath.Glob(p.path("reports", "rollback-*.json")); len(found) != runs {
		t.Errorf("%d runs left %q", runs, found)
	}
}

// files are all the files and directories below the program's own.
func (p *program) files() []string {
	p.t.Helper()
	var all []string
	err := filepath.WalkDir(p.dir, func(path string, _ os.DirEntry, err error) error {
		if path != p.dir {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}
