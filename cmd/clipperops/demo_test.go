package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// newLoneProgram is a program without a database: it makes its own.
func newLoneProgram(t *testing.T) *program {
	t.Helper()
	dir := t.TempDir()
	return &program{t: t, dir: dir, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8", "USER=alice",
		// Another's database: nothing of it may be seen or touched.
		"DATABASE_URL=postgres://nobody@127.0.0.1:1/elsewhere?sslmode=disable",
		"PGHOST=elsewhere.invalid",
	}}
}

// TestTheDemoTellsTheWholeStory runs `clipperops demo` as a new user does: every
// chapter, an HTML report that stays, and nothing else left behind.
func TestTheDemoTellsTheWholeStory(t *testing.T) {
	t.Parallel()
	p := newLoneProgram(t)
	text := p.wants(ops.ExitDone, "demo",
		"All pre-flight checks passed!", `db-\d{8}-\d{6}\.sql\.gz`, "000097 update_moderation_audit_logs",
		"All validation checks passed!", "moderation_queue +200", "Rolled back to version 10", "Nothing is lost",
		"the rollout is left out", "That was the whole story", "The sandbox is removed")
	report := regexp.MustCompile(`(?m)^report: (\S+\.html)$`).FindStringSubmatch(text)
	if report == nil {
		t.Fatal("it does not say where the report lies")
	}
	html, err := os.ReadFile(report[1])
	if err != nil || !strings.Contains(string(html), "<html") {
		t.Errorf("the report: %v", err)
	}
	if strings.Contains(text, "elsewhere") {
		t.Error("the demo saw the caller's own database")
	}
	dir := regexp.MustCompile(`/\S*clipperops-demo-\w+`).FindString(text)
	if _, err := os.Lstat(dir); dir == "" || !os.IsNotExist(err) {
		t.Errorf("%q is still there: %v", dir, err)
	}
}

// TestCtrlCInTheDemoRemovesTheSandbox guards against a server left running.
func TestCtrlCInTheDemoRemovesTheSandbox(t *testing.T) {
	t.Parallel()
	p := newLoneProgram(t)
	r := p.start("demo")
	pgtest.Eventually(t, func() bool { return strings.Contains(r.out.String(), "$ clipperops backup") })
	r.signal(syscall.SIGINT)
	text := r.wants(ops.ExitInterrupted, "The sandbox is removed")
	dir := regexp.MustCompile(`/\S*clipperops-demo-\w+`).FindString(text)
	if _, err := os.Lstat(dir); dir == "" || !os.IsNotExist(err) {
		t.Errorf("%q is still there: %v", dir, err)
	}
}

// TestSandboxFromStartToStop is the life of a sandbox through the program.
func TestSandboxFromStartToStop(t *testing.T) {
	t.Parallel()
	p := newLoneProgram(t)
	dir, err := os.MkdirTemp("", "clipperops-sandbox-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // stop has removed it
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "sb")
	t.Cleanup(func() { p.start("sandbox", "stop", "--dir", dir).wants(ops.ExitDone) })

	p.wants(ops.ExitChecks, "sandbox status --dir "+dir, "no sandbox is running", "sandbox start --dir")
	started := p.start("sandbox", "start", "--dir", dir, "--users", "50")
	started.wants(ops.ExitDone, "a Clipper of 50 users")
	for _, line := range strings.Split(strings.TrimSpace(started.out.String()), "\n") {
		if !strings.HasPrefix(line, "export ") {
			t.Errorf("stdout is for a shell alone, and has %q", line)
		}
	}
	p.wants(ops.ExitDone, "sandbox status --dir "+dir, "running")
	p.wants(ops.ExitDone, "sandbox start --dir "+dir, "was running already")
	envFile := filepath.Join(dir, "sandbox.env")

	onSandbox := newLoneProgram(t)
	onSandbox.env = onSandbox.env[:4] // what the caller's environment says would win over the file
	onSandbox.wants(ops.ExitDone, "preflight --env-file "+envFile, "All pre-flight checks passed!")
	onSandbox.wants(ops.ExitDone, "migrate --env-file "+envFile, "ready for use", "--env-file "+regexp.QuoteMeta(envFile))

	p.wants(ops.ExitDone, "sandbox reset --users 20 --dir "+dir, "a Clipper of 20 users")
	onSandbox.wants(ops.ExitDone, "migrate status --env-file "+envFile, "version 10")
	p.wants(ops.ExitDone, "sandbox stop --dir "+dir, "nothing is left")
	p.wants(ops.ExitDone, "sandbox stop --dir "+dir, "there was none")
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dir)
	}
}

// TestSuggestedCommandsLeadToTheSameDatabase guards against a command, typed as it
// was suggested, that works on another database than the one at hand.
func TestSuggestedCommandsLeadToTheSameDatabase(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	target.Params = map[string]string{"search_path": "public"}
	p := newProgram(t, target)
	p.env = p.env[:4]
	url := target
	url.Password = config.Secret("")
	p.env = append(p.env, "DB_PASSWORD="+target.Password.Reveal())
	text := p.wants(ops.ExitDone, "migrate --dry-run --database-url "+url.URL().Reveal())
	if !strings.Contains(text, "search_path=public") || !strings.Contains(text, "--env staging") {
		t.Errorf("the suggestions lead elsewhere:\n%s", text)
	}
}

// TestTheKeptSandboxOfTheDemoCanBeUsedAndStopped types what `demo --keep` prints.
func TestTheKeptSandboxOfTheDemoCanBeUsedAndStopped(t *testing.T) {
	t.Parallel()
	p := newLoneProgram(t)
	text := p.wants(ops.ExitDone, "demo --keep", "left running")
	commands := regexp.MustCompile(`(?m)^  clipperops (.*)$`).FindAllStringSubmatch(text, -1)
	if len(commands) < 2 {
		t.Fatalf("no commands in:\n%s", text)
	}
	preflight, stop := commands[len(commands)-2][1], commands[len(commands)-1][1]
	t.Cleanup(func() { p.wants(ops.ExitDone, stop) }) // also when the test failed
	onSandbox := newLoneProgram(t)
	onSandbox.env = onSandbox.env[:4]
	onSandbox.wants(ops.ExitDone, preflight, "version 97")
	p.wants(ops.ExitDone, stop, "nothing is left")
}

// TestTheDemoRollsOut is the last act, with the programs it starts: exposed phase by
// phase, and taken back by the watch when Twitch fails.
func TestTheDemoRollsOut(t *testing.T) {
	t.Parallel()
	programs := t.TempDir()
	for _, name := range []string{"moderation-api", "fake-twitch"} {
		out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(programs, name), "../"+name).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	p := newLoneProgram(t)
	p.env = append(p.env, demoPrograms+"="+programs)
	p.wants(ops.ExitDone, "demo",
		"6 users named", "the next phase is 10%", "→ 10% and 6 users", "→ 50% and 6 users", "2 of 2 instances confirm",
		"Twitch begins to fail", "rolled back: 50% and 6 users → off", "nobody asks Twitch any more", "halted by a rollback",
		"That was the whole story", "The sandbox is removed")
}
