package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// What lies in a server's directory.
func dataDir(dir string) string { return filepath.Join(dir, "data") }
func logFile(dir string) string { return filepath.Join(dir, "server.log") }

// portTries is how often a free port may turn out to be taken when the server
// gets to it.
const portTries = 5

// startLocal makes the directory, the cluster and the postmaster.
func (s *Server) startLocal(ctx context.Context) (err error) {
	if s.account, err = serverAccount(os.Geteuid()); err != nil {
		return err
	}
	if err := s.makeDir(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.Kill()
			err = errors.Join(err, s.Stop(ctx))
		}
	}()
	if s.options.Port != 0 && !portFree(ctx, s.options.Port) {
		return portTaken(s.options.Port)
	}
	if err := s.state().write(s.Dir); err != nil {
		return err // before anything else is there, so that the rest is known as ours
	}
	if err := s.makeCluster(ctx); err != nil {
		return err
	}
	for try := 1; ; try++ {
		if s.options.Port == 0 {
			if s.Port, err = freePort(ctx); err != nil {
				return err
			}
		}
		err = s.launch(ctx)
		if err == nil || s.options.Port != 0 || try == portTries || !errors.Is(err, errPortTaken) {
			return err
		}
	}
}

// makeDir makes the server's directory: the one asked for, reachable for the
// account and empty, or a new one.
func (s *Server) makeDir(ctx context.Context) (err error) {
	if s.options.Dir == "" {
		s.Dir, s.owner, err = s.account.makeTempDir(ctx, os.TempDir(), "/tmp", "/var/tmp")
		return err
	}
	if s.Dir, err = filepath.Abs(s.options.Dir); err != nil {
		return err
	}
	if at := s.account.unreachable(s.Dir); at != "" {
		return s.account.cannotReach(s.Dir, at)
	}
	if err := s.account.makeParents(s.Dir); err != nil {
		return err
	}
	if err := os.Mkdir(s.Dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := mustBeEmpty(s.Dir); err != nil {
		return err
	}
	return s.account.give(s.Dir)
}

// mustBeEmpty refuses a directory that holds something else. The trace of a
// state file that was never finished is no such thing.
func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+stateFile) {
			continue
		}
		return &ops.Failure{
			Code:  ops.ExitUsage,
			What:  dir + " is not empty: it holds " + e.Name(),
			State: []string{"nothing was started, nothing was changed there"},
			Next:  []string{"choose a directory that is empty or does not exist"},
		}
	}
	return nil
}

// makeParents makes what is missing above dir, passable for the account.
func (a *account) makeParents(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := os.Stat(parent); err == nil {
		return nil
	}
	if err := a.makeParents(parent); err != nil {
		return err
	}
	if err := os.Mkdir(parent, 0o700); err != nil {
		if errors.Is(err, os.ErrExist) { // somebody was faster
			return nil
		}
		return err
	}
	if a == nil {
		return nil
	}
	return os.Chmod(parent, 0o711)
}

// makeCluster runs initdb, or pg_basebackup for a standby.
func (s *Server) makeCluster(ctx context.Context) error {
	if s.options.Standby != nil {
		return s.makeStandby(ctx)
	}
	pwfile := filepath.Join(s.Dir, "password")
	if err := os.WriteFile(pwfile, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(pwfile) //nolint:errcheck // the directory goes with it
	if err := s.account.give(pwfile); err != nil {
		return err
	}
	return s.run(ctx, "initdb", nil, "--pgdata="+dataDir(s.Dir), "--username="+Superuser, "--pwfile="+pwfile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
}

// makeStandby copies the primary, whose password the copy keeps.
func (s *Server) makeStandby(ctx context.Context) error {
	primary := s.options.Standby
	s.password = primary.password
	return s.run(ctx, "pg_basebackup", []string{"PGPASSWORD=" + primary.password},
		"--pgdata="+dataDir(s.Dir), "--host=127.0.0.1", "--port="+strconv.Itoa(primary.Port), "--username="+Superuser,
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
}

// run runs one of the server's programs as the account and waits for it.
func (s *Server) run(ctx context.Context, name string, environ []string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.BinDir, name), args...)
	cmd.Env = append(s.environ(), environ...)
	cmd.Dir = s.Dir
	cmd.SysProcAttr = attributes(s.account, syscall.SIGKILL) // initdb puts a milder signal off
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 5 * time.Second
	p, err := startProcess(cmd)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	<-p.done
	if ctx.Err() != nil {
		return fmt.Errorf("%s interrupted: %w", name, ctx.Err())
	}
	if p.err != nil {
		return &ops.Failure{What: name + " failed", Detail: lastLines(out.String(), 8), State: []string{"nothing was left behind in " + s.Dir}, Err: p.err}
	}
	return nil
}

// environ is all a server program sees of the environment: what the caller has
// in PG* variables must not steer it.
func (s *Server) environ() []string {
	return []string{"PATH=" + s.BinDir + ":/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=" + s.Dir}
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("no free port on 127.0.0.1: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// portFree reports whether nobody listens on the port.
func portFree(ctx context.Context, port int) bool {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// portTaken is the failure when somebody else listens on the port.
func portTaken(port int) error {
	return &ops.Failure{
		What:  fmt.Sprintf("port %d on 127.0.0.1 is taken", port),
		State: []string{"nothing was started"},
		Next:  []string{"choose another port, or 0 for any that is free"},
		Err:   errPortTaken,
	}
}

func lastLines(text string, n int) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[max(0, len(lines)-n):]
}
