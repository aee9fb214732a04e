package pgtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sandbox"
)

// A shared server must go when the process that uses it goes, also when that is
// killed, and with it its directory. So it belongs to a guard: this very program,
// started a second time, that keeps the server until its standard input closes.

// guardVariable, set in the environment, makes a program that links this package
// a guard instead of what it is otherwise.
const guardVariable = "CLIPPEROPS_PGTEST_GUARD"

func init() {
	if os.Getenv(guardVariable) != "" {
		os.Exit(Guard(os.Stdin, os.Stdout, startLocal))
	}
}

// Stopper is a server that a guard keeps.
type Stopper interface {
	Stop(context.Context) error
}

// Greeting is the one line a guard writes when it is ready, or cannot be.
type Greeting struct {
	URL    string   `json:"url,omitempty"`
	Failed string   `json:"failed,omitempty"`
	Detail []string `json:"detail,omitempty"`
	Next   []string `json:"next,omitempty"`
}

// Guard starts a server, greets on out and keeps the server until in closes. It
// returns the exit code of a guard's process.
func Guard(in io.Reader, out io.Writer, start func(context.Context) (Stopper, config.Target, error)) int {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	server, target, err := start(ctx)
	if err != nil {
		f := ops.AsFailure(err)
		_ = json.NewEncoder(out).Encode(Greeting{Failed: f.What, Detail: f.Detail, Next: f.Next})
		return int(ops.ExitFailed)
	}
	if err := json.NewEncoder(out).Encode(Greeting{URL: target.URL().Reveal()}); err == nil {
		_, _ = io.Copy(io.Discard, in) // it ends with who started us, however that ends
	}
	if err := server.Stop(context.Background()); err != nil {
		return int(ops.ExitFailed)
	}
	return int(ops.ExitDone)
}

// startLocal starts a server of this machine's own programs.
func startLocal(ctx context.Context) (Stopper, config.Target, error) {
	o := Options(nil)
	o.Backend = sandbox.BackendLocal
	s, err := sandbox.StartServer(ctx, o)
	if err != nil {
		return nil, config.Target{}, err
	}
	return s, s.Target("postgres"), nil
}

// guarded is a server kept by a guard.
type guarded struct {
	target config.Target
	cmd    *exec.Cmd
	stdin  io.Closer
}

// guardedBy starts cmd as a guard and waits for its greeting.
func guardedBy(cmd *exec.Cmd) (*guarded, error) {
	// A file, not a buffer: a test that looks for goroutines left over would find the one
	// that fills it.
	complaint, err := os.CreateTemp("", "clipperops-guard-*")
	if err != nil {
		return nil, err
	}
	defer complaint.Close()           //nolint:errcheck // the guard has its own
	defer os.Remove(complaint.Name()) //nolint:errcheck // in a temporary folder
	cmd.Stderr = complaint
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is for who started us
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g := &guarded{cmd: cmd, stdin: stdin}
	var greeting Greeting
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &greeting)
	}
	switch {
	case err != nil:
		err = errors.Join(err, g.Stop())
		said, _ := os.ReadFile(complaint.Name()) // what cannot be read is not told
		err = fmt.Errorf("the server's keeper ended: %w: %s", err, strings.TrimSpace(string(said)))
	case greeting.Failed != "":
		_ = g.Stop() // its exit code says no more than the greeting
		err = &ops.Failure{What: greeting.Failed, Detail: greeting.Detail, Next: greeting.Next}
	default:
		g.target, err = config.ParseTarget(greeting.URL)
	}
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Stop lets the guard take its server away, and waits until it has.
func (g *guarded) Stop() error {
	return errors.Join(g.stdin.Close(), g.cmd.Wait())
}
