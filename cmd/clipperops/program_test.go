package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/reports"
)

// program runs clipperops as a process of its own on one database, with
// directories of its own.
type program struct {
	t      *testing.T
	target config.Target
	dir    string
	env    []string
}

// endsAtOnce keeps a program that was built with the race detector from sleeping a
// second before it exits; the races it saw are reported all the same.
const endsAtOnce = "atexit_sleep_ms=0"

func newProgram(t *testing.T, target config.Target) *program {
	t.Helper()
	dir := t.TempDir()
	return &program{t: t, target: target, dir: dir, env: []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + dir,
		"LANG=C.UTF-8",
		"USER=alice",
		"DATABASE_URL=" + target.URL().Reveal(),
		"BACKUP_DIR=" + filepath.Join(dir, "backups"),
		"REPORT_DIR=" + filepath.Join(dir, "reports"),
		"GORACE=" + endsAtOnce,
		"GOGC=400", // it lives for a second
	}}
}

// set gives the program an environment variable, in place of one of that name.
func (p *program) set(name, value string) {
	p.env = append(p.env, name+"="+value)
}

// unset takes an environment variable away from the program.
func (p *program) unset(name string) {
	p.env = slices.DeleteFunc(slices.Clone(p.env), func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

// path is a path below the program's own directory.
func (p *program) path(elements ...string) string {
	return filepath.Join(append([]string{p.dir}, elements...)...)
}

// in is the program for a part of the test.
func (p *program) in(t *testing.T) *program {
	q := *p
	q.t = t
	return &q
}

// running is a started program.
type running struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err *lockedBuffer
}

// hangs is when a program is held to hang: it then says where it stands, and ends.
const hangs = 4 * time.Minute

func (p *program) start(args ...string) *running {
	p.t.Helper()
	return p.begin(exec.Command("clipperops", args...))
}

// begin starts a command as the program is started: its directory, its
// environment, its output kept where none is set.
func (p *program) begin(cmd *exec.Cmd) *running {
	p.t.Helper()
	r := &running{t: p.t, cmd: cmd, out: &lockedBuffer{}, err: &lockedBuffer{}}
	cmd.Dir, cmd.Env = p.dir, p.env
	if cmd.Stdout == nil {
		cmd.Stdout = r.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = r.err
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	quit := time.AfterFunc(hangs, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	p.t.Cleanup(func() {
		quit.Stop()
		_ = cmd.Process.Kill() // it has ended where the test went well
	})
	return r
}

// awaitSays waits until the program has said something that matches.
func (r *running) awaitSays(pattern string) {
	r.t.Helper()
	match := regexp.MustCompile(pattern).MatchString
	pgtest.Eventually(r.t, func() bool { return match(unwrapped(r.out.String())) || match(unwrapped(r.err.String())) }, "the program says "+pattern)
}

// unwrapped is text in one line, each gap a single space.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// wants waits for the program's end and checks its exit code and output. A
// pattern may also match the output written in one line, as it was meant before
// it was wrapped to the width of the terminal.
func (r *running) wants(code ops.ExitCode, patterns ...string) string {
	r.t.Helper()
	_ = r.cmd.Wait() // its exit code is what is looked at
	text := r.out.String() + r.err.String()
	if got := r.cmd.ProcessState.ExitCode(); got != int(code) {
		r.t.Errorf("exit code %d, want %d\n%s", got, code, text)
	}
	for _, p := range patterns {
		if re := regexp.MustCompile(p); !re.MatchString(text) && !re.MatchString(unwrapped(text)) {
			r.t.Errorf("no %q in:\n%s", p, text)
		}
	}
	return text
}

func (p *program) wants(code ops.ExitCode, args string, patterns ...string) string {
	p.t.Helper()
	return p.start(strings.Fields(args)...).wants(code, patterns...)
}

func (r *running) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// awaitBlocked waits until a session whose application_name matches waits for a lock.
func (r *running) awaitBlocked(p *program, application string) {
	p.t.Helper()
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the program says:\n%s%s", r.out, r.err)
		}
	}()
	pgtest.Eventually(p.t, func() bool {
		return pgtest.QueryValue[bool](p.t, p.target, `
			SELECT EXISTS (SELECT 1 FROM pg_stat_activity
			 WHERE datname = current_database() AND application_name LIKE $1 AND wait_event_type = 'Lock')`, application)
	})
}

// wantsDocument runs the program with --output json and checks that stdout is
// one document, valid by its schema and of one mind with the exit code.
func (p *program) wantsDocument(code ops.ExitCode, args string) reports.RunDocument {
	p.t.Helper()
	r := p.start(append(strings.Fields(args), "--output", "json")...)
	r.wants(code)
	return r.document(code)
}

// document reads what a program that has ended printed on stdout.
func (r *running) document(code ops.ExitCode) reports.RunDocument {
	r.t.Helper()
	printed := []byte(r.out.String())
	if !json.Valid(printed) { // nor is a document that has anything behind it
		r.t.Fatalf("stdout is not one document:\n%s", printed)
	}
	d, err := reports.DecodeRun(bytes.NewReader(printed))
	if err != nil {
		r.t.Fatal(err)
	}
	if d.ExitCode != code || d.Outcome != code.Outcome() && d.Outcome != ops.OutcomeWarn {
		r.t.Errorf("the document says %d (%s), want %d", d.ExitCode, d.Outcome, code)
	}
	return d
}

// wantVersion checks the version row: exactly one, clean.
func (p *program) wantVersion(want int64) {
	p.t.Helper()
	if got := pgtest.QueryValue[int64](p.t, p.target, "SELECT version FROM schema_migrations WHERE NOT dirty"); got != want {
		p.t.Errorf("version %d, want %d", got, want)
	}
}

// lockedBuffer is a buffer that may be read while the program writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
