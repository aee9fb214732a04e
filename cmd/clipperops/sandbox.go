package main

import (
	"context"
	"fmt"

	"al.essio.dev/pkg/shellescape"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/clipper/clipperops/reports"
	"github.com/urfave/cli/v2"
)

func sandboxCommand() command {
	dir := func() cli.Flag {
		return &cli.StringFlag{Name: "dir", Usage: "the sandbox's `DIR`; default one of your own"}
	}
	port := func() cli.Flag {
		return &cli.IntFlag{Name: "port", Usage: "listen on this `PORT` of 127.0.0.1; default any that is free"}
	}
	users := func() cli.Flag {
		return &cli.IntFlag{Name: "users", Value: sandbox.DefaultUsers, Usage: "how many users the Clipper has"}
	}
	codes := []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted}
	return command{
		name:  "sandbox",
		usage: "a throwaway Postgres at version 10 with a believable Clipper",
		description: `Runs on server programs of this machine, else on a Docker engine. Listens on
127.0.0.1 only, with a random password.`,
		subcommands: []command{
			{
				name: "start", usage: "start it; prints export lines for a shell",
				flags:    []cli.Flag{dir(), port(), users()},
				examples: []string{`eval "$(clipperops sandbox start)"`, "clipperops sandbox start --users 1000000", "clipperops preflight --env-file ~/.local/state/clipperops/sandbox/sandbox.env"},
				codes:    codes,
				action:   sandboxStart(sandbox.Start),
			},
			{
				name: "status", usage: "is it running, and where",
				flags:    []cli.Flag{dir()},
				examples: []string{"clipperops sandbox status"},
				codes:    append(codes, ops.ExitChecks),
				action:   sandboxStatus,
			},
			{
				name: "stop", usage: "stop it and remove all of it",
				flags:    []cli.Flag{dir()},
				examples: []string{"clipperops sandbox stop"},
				codes:    codes,
				action:   sandboxStop,
			},
			{
				name: "reset", usage: "stop it and start a new one",
				flags:    []cli.Flag{dir(), port(), users()},
				examples: []string{"clipperops sandbox reset"},
				codes:    codes,
				action:   sandboxStart(sandbox.Reset),
			},
		},
	}
}

// sandboxOptions are what the flags and the environment say.
func (i *invocation) sandboxOptions(s *ops.Step) (sandbox.Options, error) {
	o := sandbox.Options{
		Dir:       i.String("dir"),
		StateHome: i.process.getenv("XDG_STATE_HOME"),
		Home:      i.process.getenv("HOME"),
		Port:      i.Int("port"),
		Users:     i.Int("users"),
		PathEnv:   i.process.getenv("PATH"),
		Image:     i.process.getenv("CLIPPEROPS_SANDBOX_IMAGE"),
	}
	if s != nil {
		o.Progress, o.Note = s.Progress, s.Note
	}
	switch {
	case o.Port < 0 || o.Port > 65535:
		return o, usageError(i.path, "--port %d is not a port", o.Port)
	case o.Users < 0:
		return o, usageError(i.path, "--users must not be negative")
	}
	return o, nil
}

// sandboxStart starts or resets. Its stdout is the export lines alone, so that a
// shell can take them in; everything else goes to stderr.
func sandboxStart(start func(context.Context, sandbox.Options) (*sandbox.Sandbox, error)) func(*invocation) error {
	return func(i *invocation) error {
		var sb *sandbox.Sandbox
		err := i.onThisMachine("start", func(ctx context.Context, run *ops.Run, s *ops.Step) error {
			o, err := i.sandboxOptions(s)
			if err != nil {
				return err
			}
			if sb, err = start(ctx, o); err != nil {
				return err
			}
			summary := sandboxSummary(sb)
			if sb.Already {
				summary = "was running already, and was left as it is: " + summary
			}
			s.Record(ops.Result{ID: "sandbox", Status: ops.StatusPass, Summary: summary})
			run.Data = sandboxData(sb)
			run.Next = []string{
				"clipperops preflight --env-file " + shellescape.Quote(sb.EnvFile()),
				"clipperops sandbox stop" + i.dirArgument(),
			}
			return nil
		})
		if sb != nil && !i.json() {
			for _, line := range sb.Exports() {
				fmt.Fprintln(i.process.out, line)
			}
		}
		return err
	}
}

func (i *invocation) dirArgument() string {
	if dir := i.String("dir"); dir != "" {
		return " --dir " + shellescape.Quote(dir)
	}
	return ""
}

func sandboxStatus(i *invocation) error {
	return i.onThisMachine("status", func(ctx context.Context, run *ops.Run, s *ops.Step) error {
		o, err := i.sandboxOptions(s)
		if err != nil {
			return err
		}
		condition, sb, err := sandbox.Status(ctx, o)
		if err != nil {
			return err
		}
		if condition == sandbox.Running {
			s.Record(ops.Result{ID: "sandbox", Status: ops.StatusPass, Summary: "running: " + sandboxSummary(sb)})
			run.Data = sandboxData(sb)
			return nil
		}
		s.Record(ops.Result{
			ID: "sandbox", Status: ops.StatusFail, Summary: "no sandbox is running (" + string(condition) + ")",
			Fix: "clipperops sandbox start" + i.dirArgument(),
		})
		return nil
	})
}

func sandboxStop(i *invocation) error {
	return i.onThisMachine("stop", func(ctx context.Context, _ *ops.Run, s *ops.Step) error {
		o, err := i.sandboxOptions(s)
		if err != nil {
			return err
		}
		existed, err := sandbox.Stop(ctx, o)
		if err != nil {
			return err
		}
		summary := "stopped; nothing is left of it"
		if !existed {
			summary = "there was none"
		}
		s.Record(ops.Result{ID: "sandbox", Status: ops.StatusPass, Summary: summary})
		return nil
	})
}

func sandboxSummary(sb *sandbox.Sandbox) string {
	where := "pid " + fmt.Sprint(sb.PID)
	if sb.Container != "" {
		where = "container " + sb.Container
	}
	return fmt.Sprintf("PostgreSQL %d with a Clipper of %s users at %s (%s, %s)",
		sb.Major, reports.Count(int64(sb.Users)), sb.Target, where, sb.Dir)
}

// SandboxData is what `sandbox start --output json` holds under "data". The
// password is in the env file.
type SandboxData struct {
	Dir      string `json:"dir"`
	EnvFile  string `json:"env_file"`
	Database string `json:"database"`
	Users    int    `json:"users"`
	Major    int    `json:"major"`
}

func sandboxData(sb *sandbox.Sandbox) SandboxData {
	return SandboxData{Dir: sb.Dir, EnvFile: sb.EnvFile(), Database: sb.Target.RedactedURL(), Users: sb.Users, Major: sb.Major}
}
