package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// program runs clipperops as a process of its own on one database, with
// directories of its own.
type program struct {
	t      *testing.T
	target config.Target
	dir    string
	env    []string
}

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
	}}
}

// running is a started program.
type running struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err *lockedBuffer
}

func (p *program) start(args ...string) *running {
	p.t.Helper()
	r := &running{t: p.t, cmd: exec.Command("clipperops", args...), out: &lockedBuffer{}, err: &lockedBuffer{}}
	r.cmd.Dir, r.cmd.Env = p.dir, p.env
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.err
	if err := r.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = r.cmd.Process.Kill() }) // it has ended where the test went well
	return r
}

// wants ends the wait for the program and checks its exit code and output.
func (r *running) wants(code ops.ExitCode, patterns ...string) string {
	r.t.Helper()
	_ = r.cmd.Wait() // its exit code is what is looked at
	text := r.out.String() + r.err.String()
	if got := r.cmd.ProcessState.ExitCode(); got != int(code) {
		r.t.Errorf("exit code %d, want %d\n%s", got, code, text)
	}
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
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
