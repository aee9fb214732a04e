// Command ensure makes sure that this machine can run a PostgreSQL for the demo
// and the tests. Where there are neither server programs nor a Docker engine
// with the image, it installs a server with the system's package manager; where
// it may not, it says the one command to type.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sandbox"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, sandbox.ServerOptions{PathEnv: os.Getenv("PATH")}, os.Stderr)
	cancel()
	os.Exit(code)
}

func run(ctx context.Context, o sandbox.ServerOptions, out io.Writer) int {
	o.Note = func(text string) { fmt.Fprintln(out, text) }
	missing := usable(ctx, o)
	if missing == nil {
		return int(ops.ExitDone)
	}
	commands := sandbox.InstallCommands(o.PathEnv)
	if len(commands) == 0 || !permitted(ctx, commands[0]) {
		return explain(out, missing)
	}
	for _, c := range commands {
		fmt.Fprintln(out, "no PostgreSQL server here; running:", strings.Join(c, " "))
		cmd := exec.CommandContext(ctx, c[0], c[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, out, out
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "PATH="+o.PathEnv)
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(out, "%s: %v\n", strings.Join(c, " "), err)
		}
	}
	if err := usable(ctx, o); err != nil {
		return explain(out, err)
	}
	return int(ops.ExitDone)
}

// usable reports why no server can be run here, nil when one can.
func usable(ctx context.Context, o sandbox.ServerOptions) error {
	found, err := sandbox.Find(ctx, o)
	if err != nil {
		return err
	}
	return found.Fetch(ctx, o)
}

// permitted reports whether the command can run: as it is, or with a sudo that
// asks nothing or can ask at a terminal.
func permitted(ctx context.Context, command []string) bool {
	if command[0] != "sudo" {
		return true
	}
	if exec.CommandContext(ctx, "sudo", "-n", "true").Run() == nil {
		return true
	}
	_, missing := exec.LookPath("sudo")
	info, err := os.Stdin.Stat()
	return missing == nil && err == nil && info.Mode()&os.ModeCharDevice != 0
}

func explain(out io.Writer, err error) int {
	f := ops.AsFailure(err)
	fmt.Fprintln(out, f.What)
	for _, line := range f.Detail {
		fmt.Fprintln(out, "   ", line)
	}
	for _, line := range f.Next {
		fmt.Fprintln(out, "next:", line)
	}
	return int(f.Code)
}
