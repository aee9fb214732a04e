package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/jackc/pgx/v5"
)

// readyTimeout bounds how long a server may take to accept connections.
const readyTimeout = 60 * time.Second

// socketPathMax is the longest directory that leaves room for ".s.PGSQL.65535"
// within the 104 bytes macOS allows a socket's path (Linux: 108).
const socketPathMax = 85

var (
	errPortTaken = errors.New("the port is taken")
	// errInUse says that processes of a server that was killed still have its memory.
	errInUse = errors.New("processes of the server before are still ending")
)

// launch starts the postmaster and waits until it accepts connections.
func (s *Server) launch(ctx context.Context) error {
	log, err := os.OpenFile(logFile(s.Dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	begin, err := log.Seek(0, 2)
	if err != nil {
		return err
	}
	args := []string{"-D", dataDir(s.Dir), "-p", strconv.Itoa(s.Port)}
	for _, name := range sorted(s.settings) {
		args = append(args, "-c", name+"="+s.settings[name])
	}
	if _, set := s.settings["unix_socket_directories"]; !set {
		args = append(args, "-c", "unix_socket_directories="+socketDir(s.Dir))
	}
	cmd := exec.Command(filepath.Join(s.BinDir, "postgres"), args...)
	cmd.Env, cmd.Dir = s.environ(), s.Dir
	cmd.Stdout, cmd.Stderr = log, log
	var whenWeDie syscall.Signal
	if s.options.Ephemeral {
		whenWeDie = syscall.SIGQUIT // which makes a postmaster end its children before itself
	}
	cmd.SysProcAttr = attributes(s.account, whenWeDie)
	p, err := startProcess(cmd)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	if err := s.awaitReady(ctx, p, begin); err != nil {
		s.Kill()
		return err
	}
	return nil
}

// socketDir is where the server puts its socket: its own directory, or none
// where that is too long for a socket's path.
func socketDir(dir string) string {
	if len(dir) > socketPathMax || strings.ContainsAny(dir, `,"`) {
		return ""
	}
	return dir
}

// startProcess starts cmd from a thread that lives as long as the child:
// Linux sends the parent-death signal when the thread ends, not the process.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, <-started
}

// awaitReady connects until the server answers, or says why it will not.
func (s *Server) awaitReady(ctx context.Context, p *process, logBegin int64) error {
	// A probe ends with the postmaster: whoever has the port instead may keep
	// silent for long.
	probing, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-p.done:
			stop()
		case <-probing.Done():
		}
	}()
	deadline := time.NewTimer(readyTimeout)
	defer deadline.Stop()
	pause := 5 * time.Millisecond
	for {
		err := probe(probing, s.Target("postgres"))
		if err == nil {
			return nil
		}
		pause = min(pause*3/2, 100*time.Millisecond)
		again := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("interrupted while the server was starting: %w", ctx.Err())
		case <-p.done:
			again.Stop()
			return s.diedStarting(logBegin)
		case <-deadline.C:
			again.Stop()
			return &ops.Failure{
				What:   fmt.Sprintf("the server did not accept connections within %s", readyTimeout),
				Detail: append([]string{err.Error()}, s.logSince(logBegin)...),
				Err:    err,
			}
		case <-again.C:
		}
	}
}

// probe opens and closes one connection.
func probe(ctx context.Context, t config.Target) error {
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := connect(limited, t)
	if err != nil {
		return err
	}
	return conn.Close(limited)
}

// connect opens a connection that names itself.
func connect(ctx context.Context, t config.Target) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(t.ConnString())
	if err != nil {
		return nil, err
	}
	c.RuntimeParams["application_name"] = "clipperops sandbox"
	return pgx.ConnectConfig(ctx, c)
}

// diedStarting says why a postmaster ended before it was ready.
func (s *Server) diedStarting(logBegin int64) error {
	lines := s.logSince(logBegin)
	text := strings.Join(lines, "\n")
	if strings.Contains(text, "could not bind") || strings.Contains(text, "could not create any TCP/IP sockets") {
		return portTaken(s.Port)
	}
	f := &ops.Failure{What: "the PostgreSQL server ended while it was starting", Detail: lines, State: []string{"nothing was left behind"}}
	if strings.Contains(text, "pre-existing shared memory block") {
		f.Err = errInUse
	}
	return f
}

// logSince returns what the server logged from that offset on: what was fatal,
// else the last lines.
func (s *Server) logSince(begin int64) []string {
	raw, err := os.ReadFile(logFile(s.Dir))
	if err != nil || int64(len(raw)) < begin {
		return nil
	}
	last := lastLines(string(raw[begin:]), 12)
	first := slices.IndexFunc(last, func(l string) bool { return strings.Contains(l, "FATAL:") || strings.Contains(l, "PANIC:") })
	return last[max(0, first-1):]
}

func sorted(m map[string]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
