// Command withpg runs a command with one PostgreSQL server for all the tests it
// runs:
//
//	go run ./internal/pgtest/withpg -- go test ./...
//
// It starts the shared server, names it in CLIPPEROPS_TEST_DATABASE_URL, forwards
// signals, passes the command's exit code on and takes the server away whatever
// happens, also when it is killed itself.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withpg -- COMMAND [ARGUMENT…]")
		return int(ops.ExitUsage)
	}
	// From here on a signal is the command's, and nothing ends before the server.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)

	target, stop, err := pgtest.StartShared()
	if err != nil {
		explain(err)
		return int(ops.ExitFailed)
	}
	code := command(args, target.URL().Reveal(), signals)
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "withpg: stopping the server:", err)
	}
	return code
}

// command runs the command in a process group of its own, so that a signal
// reaches it and its children once, whether it came from a terminal or not.
func command(args []string, url string, signals <-chan os.Signal) int {
	select {
	case s := <-signals:
		return 128 + int(s.(syscall.Signal))
	default:
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), pgtest.URLVariable+"="+url)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "withpg:", err)
		return 127
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = syscall.Kill(-cmd.Process.Pid, s.(syscall.Signal)) // it may just have ended
		case err := <-done:
			return exitCode(err)
		}
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		fmt.Fprintln(os.Stderr, "withpg:", err)
		return int(ops.ExitFailed)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

func explain(err error) {
	f := ops.AsFailure(err)
	fmt.Fprintln(os.Stderr, "withpg: no PostgreSQL for the tests:", f.What)
	for _, line := range f.Detail {
		fmt.Fprintln(os.Stderr, "   ", line)
	}
	for _, line := range f.Next {
		fmt.Fprintln(os.Stderr, "next:", line)
	}
}
