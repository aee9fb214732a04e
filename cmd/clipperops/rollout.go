package main

import (
	"context"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func rolloutCommand() command {
	return command{
		name:  "rollout",
		usage: "expose the feature to more users, phase by phase, and take it back",
		description: `More has to be earned: a phase's time, its metrics, what people sign off. Less is
always possible, at once: rollout set N, rollout off.`,
		subcommands: []command{
			rolloutPlanCommand(), rolloutStatusCommand(), rolloutStartCommand(), rolloutGateCommand(), rolloutAdvanceCommand(),
			rolloutSetCommand(), rolloutOffCommand(), rolloutPauseCommand(), rolloutResumeCommand(), rolloutUsersCommand(),
			rolloutSignOffCommand(), rolloutAdoptCommand(), rolloutHistoryCommand(), rolloutWatchCommand(),
		},
	}
}

// The codes of commands that change the exposure, and of those that look.
var (
	exposureCodes = []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitRefused, ops.ExitBusy, ops.ExitInterrupted}
	lookingCodes  = []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted}
)

// exposes completes a command that changes the rollout. Without flags of its own it takes
// those of a change to more.
func exposes(c command) command {
	if c.flags == nil {
		c.flags = []cli.Flag{propagationFlag(), forceFlag(), rolloutReasonFlag("needed with --force")}
	}
	if c.codes == nil {
		c.codes = exposureCodes
	}
	c.reports = true
	return c
}

func propagationFlag() cli.Flag {
	return &cli.DurationFlag{Name: "propagation-timeout", Value: runbook.DefaultPropagation, Usage: "how long instances may take to follow"}
}

// rolloutReasonFlag is --reason; needed says when there must be one, "" for never.
func rolloutReasonFlag(needed string) cli.Flag {
	usage := "why: a `TEXT` that is recorded"
	if needed != "" {
		usage += "; " + needed
	}
	return &cli.StringFlag{Name: "reason", Usage: usage}
}

func forceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "force", Usage: "go on without what is missing; needs --reason, and is recorded"}
}

// rolloutOptions reads them.
func (i *invocation) rolloutOptions() (runbook.RolloutOptions, error) {
	o := runbook.RolloutOptions{Propagation: i.Duration("propagation-timeout"), Reason: i.String("reason"), Force: i.Bool("force")}
	if o.Propagation < 0 {
		return o, usageError(i.path, "--propagation-timeout must not be negative")
	}
	if o.Force && strings.TrimSpace(o.Reason) == "" {
		return o, usageError(i.path, `--force needs --reason "…", which is recorded`)
	}
	return o, nil
}

// rolloutFlow is a flow of the rollout.
type rolloutFlow func(context.Context, *runbook.Session, runbook.RolloutOptions) *ops.Run

// conducts is the action of a command whose flow takes the rollout's options alone.
func conducts(flow rolloutFlow) func(*invocation) error {
	return func(i *invocation) error { return i.rollOut(flow) }
}

// rollOut conducts a flow with the rollout's options.
func (i *invocation) rollOut(flow rolloutFlow) error {
	o, err := i.rolloutOptions()
	if err != nil {
		return err
	}
	return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run { return flow(ctx, s, o) })
}
