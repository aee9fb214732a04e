package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/reports"
)

// TestAReaderThatGoesAwayDoesNotStopAMigration guards against a `| head` or a
// broken ssh connection leaving a migration half done: the pipe has nobody at its
// other end from the first line on.
func TestAReaderThatGoesAwayDoesNotStopAMigration(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{
		"text": "migrate", "JSON": "migrate --output json", "verbose": "migrate --verbose",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
			cmd := exec.Command("clipperops", strings.Fields(args)...)
			cmd.Stdout, cmd.Stderr = brokenPipe(t), brokenPipe(t)
			p.begin(cmd).wants(ops.ExitDone)
			p.wantVersion(97)
			p.wants(ops.ExitDone, "history", "command migrate .*outcome (pass|warn)")
			if d := p.lastReport("migrate"); d.ExitCode != ops.ExitDone {
				t.Errorf("the report says %d", d.ExitCode)
			}
		})
	}
}

// brokenPipe is the writing end of a pipe that nobody reads.
func brokenPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close() // this is the point
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// TestClosedOutputDoesNotStopAMigration: no stdout at all, no stderr, no stdin.
func TestClosedOutputDoesNotStopAMigration(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.begin(exec.Command("sh", "-c", "exec clipperops migrate --skip-backup <&- >&- 2>&-")).wants(ops.ExitDone)
	p.wantVersion(97)
}

// TestAFullDiskUnderTheOutputDoesNotStopAMigration writes to a device that is full: the
// migration is made, which stderr says, and a script that goes by the exit code learns that
// the document is not there.
func TestAFullDiskUnderTheOutputDoesNotStopAMigration(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		full, err = os.Open(os.DevNull) // a system without such a device: what cannot be written to is the next best
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = full.Close() })
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	cmd := exec.Command("clipperops", "migrate", "--skip-backup", "--output", "json")
	cmd.Stdout = full
	p.begin(cmd).wants(ops.ExitFailed, "Moderation system is ready for use.", "the JSON document could not be printed", "the operation itself ended with 0")
	p.wantVersion(97)
	p.wants(ops.ExitDone, "history", "command migrate .*outcome (pass|warn)")
	refused := exec.Command("clipperops", "rollback", "--target", "9", "--output", "json")
	refused.Stdout = full
	p.begin(refused).wants(ops.ExitRefused, "the JSON document could not be printed")
}

// TestAReportThatCannotBeWrittenDoesNotChangeTheOutcome: it is said.
func TestAReportThatCannotBeWrittenDoesNotChangeTheOutcome(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.write(p.path("file"), "")
	p.set("REPORT_DIR", p.path("file", "reports"))
	p.wants(ops.ExitDone, "migrate --skip-backup --report "+p.path("file", "mine.html"),
		"Moderation system is ready for use.", `the report \S+mine.html could not be written`, `the report \S+reports/migrate-\S+ could not be written`)
	p.wantVersion(97)
	p.wants(ops.ExitRefused, "rollback --target 9", `the report \S+ could not be written`, "nothing was touched")
}

// TestProductionAsksNobodyWhereThereIsNoTerminal: without --yes it is refused,
// before anything is changed, whatever stands on stdin.
func TestProductionAsksNobodyWhereThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.set("ENVIRONMENT", "production")
	p.set("REHEARSE_ON", "same") // a server for every run would take its time, and is others' to test
	for _, args := range []string{"migrate", "migrate --output json"} {
		cmd := exec.Command("clipperops", strings.Fields(args)...)
		cmd.Stdin = strings.NewReader("yes\nyes\n")
		p.begin(cmd).wants(ops.ExitRefused, "--yes", "nothing was (changed|touched)")
		p.wantVersion(10)
	}
	p.wants(ops.ExitDone, "migrate --yes --skip-backup", "confirmed")
	p.wants(ops.ExitRefused, "rollback --target 10", "--yes", "nothing was (changed|touched)")
	p.wantVersion(97)
	p.wants(ops.ExitDone, "rollback --target 10 --yes", "Rolled back to version 10")
	p.wants(ops.ExitDone, "migrate --dry-run", "10 → 97") // asks nothing
}

// scenes are command lines whose output has most of what there is to see.
func (p *program) scenes() map[string]string {
	path := " --path " + p.chain("000012_playlists", "000055_late")
	return map[string]string{
		"preflight":             p.says("preflight"),
		"no connection":         p.says("preflight --database-url postgres://x@127.0.0.1:1/none"),
		"plan":                  p.says("migrate --dry-run" + path),
		"status":                p.says("migrate status"),
		"locked":                p.locked(),
		"migrate":               p.says("migrate"),
		"foreign":               p.says("rollback --target 10" + path),
		"below the floor":       p.says("rollback --target 9"),
		"what would be lost":    p.says("rollback --target 10 --dry-run"),
		"rollback":              p.says("rollback --target 10 --verbose"),
		"validate, not applied": p.says("validate --verbose"),
		"history":               p.says("history"),
		"backups":               p.says("backup list"),
		"checks":                p.says("checks"),
		"settings":              p.says("config show"),
		"usage":                 p.says("migrate --taget 97"),
		"help":                  p.says("help"),
		"help of a command":     p.says("migrate --help"),
		"help of a subcommand":  p.says("backup restore --help"),
	}
}

// says is what a command writes, however it ends.
func (p *program) says(args string) string {
	r := p.start(strings.Fields(args)...)
	_ = r.cmd.Wait() // what it says is looked at
	return r.out.String() + r.err.String()
}

// locked is what a migration says that does not get its lock.
func (p *program) locked() string {
	held := pgtest.HoldTable(p.t, p.target, "clip_submissions", "ACCESS SHARE")
	defer held.Release()
	return p.says("migrate --skip-backup --lock-timeout 50ms --lock-retry-for 300ms")
}

// TestLinesFitTheTerminal at 80, 60 and 40 columns: only what cannot be broken, a
// path or a command that is to be copied, may be longer, and then stands alone.
func TestLinesFitTheTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{80, 60, 40} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
			p.set("COLUMNS", fmt.Sprint(width))
			for scene, text := range p.scenes() {
				for line := range strings.Lines(text) {
					line = strings.TrimRight(line, "\n")
					if utf8.RuneCountInString(line) > width && !unbreakable(line) {
						t.Errorf("%s: %d columns:\n%s", scene, utf8.RuneCountInString(line), line)
					}
				}
			}
		})
	}
}

var (
	// before is what may stand before a thing that cannot be broken: the mark, a
	// label, the name of a value.
	before = regexp.MustCompile(`^(?:[✓⚠✗–] +|[a-z][a-z ]*: +|\S+  +)`)
	// command begins what is to be copied as it stands.
	copied = regexp.MustCompile(`^(?:clipperops|SELECT|GRANT|ALTER) `)
	// after is what may stand behind: how long it took.
	after = regexp.MustCompile(`  [0-9.]+ m?s$`)
)

// unbreakable tells whether a line is one thing that cannot be broken.
func unbreakable(line string) bool {
	text := strings.TrimSpace(line)
	for before.MatchString(text) {
		text = before.ReplaceAllString(text, "")
	}
	text = after.ReplaceAllString(text, "")
	return !strings.Contains(text, " ") || copied.MatchString(text)
}

// TestASCIIWithoutAUTF8Locale: every mark and sign has a form for terminals that
// would show something else.
func TestASCIIWithoutAUTF8Locale(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.set("LANG", "C")
	for scene, text := range p.scenes() {
		for line := range strings.Lines(text) {
			if strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
				t.Errorf("%s: %s", scene, line)
			}
		}
	}
}

// TestNoColourOutsideATerminal, whatever the run finds.
func TestNoColourOutsideATerminal(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.set("TERM", "xterm-256color")
	p.set("CLICOLOR", "1")
	for _, args := range []string{"preflight", "migrate --dry-run", "rollback --target 9", "history"} {
		if text := p.says(args); strings.Contains(text, "\x1b") {
			t.Errorf("%s: an escape sequence in %q", args, text)
		}
	}
}

// TestQuietSaysWhatMatters: warnings, failures and the conclusion.
func TestQuietSaysWhatMatters(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	text := p.wants(ops.ExitDone, "migrate --quiet --skip-backup", "Moderation system is ready for use.", "db.visibility")
	if n := strings.Count(text, "\n"); n > 12 {
		t.Errorf("%d lines are not quiet:\n%s", n, text)
	}
	for _, more := range []string{"000011", "nobody else is at work", "plan "} {
		if strings.Contains(text, more) {
			t.Errorf("%q in:\n%s", more, text)
		}
	}
	p.wants(ops.ExitRefused, "rollback --quiet --target 9", "version 9 is below 10", "nothing was touched", "next: ")
	p.wants(ops.ExitDone, "rollback --quiet --target 10 --skip-backup", "Rolled back to version 10", `archive-\S+\.zip`)

	held := pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
	p.wants(ops.ExitFailed, "migrate --quiet --skip-backup --lock-timeout 1500ms --lock-retry-for 3s",
		fmt.Sprintf("blocked by pid %d", held.PID), "version 10, clean")
}

// TestVerboseSaysEverything: each check with its evidence and the time it took.
func TestVerboseSaysEverything(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	for _, args := range []string{"preflight", "migrate --skip-backup"} {
		text := p.wants(ops.ExitDone, args+" --verbose", "server_version_num", `database.password \*\*\*`)
		for _, id := range []string{
			"env.config", "env.tools", "files.complete", "files.late", "files.transaction", "db.connect", "db.version",
			"db.primary", "db.privileges", "db.visibility", "db.disk.local", "prereq.tables", "state.version", "activity.long_tx", "activity.migrator",
		} {
			if !strings.Contains(text, id) {
				t.Errorf("%s: no %s in:\n%s", args, id, text)
			}
		}
	}
}

// lastReport is the newest JSON report that a command left.
func (p *program) lastReport(command string) reports.RunDocument {
	p.t.Helper()
	found, err := filepath.Glob(p.path("reports", command+"-*.json"))
	if err != nil || len(found) == 0 {
		p.t.Fatalf("no report of %s: %v", command, err)
	}
	var last reports.RunDocument
	for _, path := range found {
		body, err := os.ReadFile(path)
		if err != nil {
			p.t.Fatal(err)
		}
		d, err := reports.DecodeRun(bytes.NewReader(body))
		if err != nil {
			p.t.Fatalf("%s: %v", path, err)
		}
		if d.Started > last.Started {
			last = d
		}
	}
	return last
}
