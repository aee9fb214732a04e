package main

import (
	"context"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func rolloutPauseCommand() command {
	return exposes(command{
		name:     "pause",
		usage:    "stay in this phase; exposure stays, and a watch goes on",
		flags:    []cli.Flag{rolloutReasonFlag("")},
		examples: []string{`clipperops rollout pause --reason "release freeze" --env production`},
		action:   conducts(runbook.RolloutPause),
	})
}

func rolloutResumeCommand() command {
	return exposes(command{
		name:     "resume",
		usage:    "go on after a pause, or after a rollback that nobody asked for",
		flags:    []cli.Flag{rolloutReasonFlag("needed after a rollback")},
		examples: []string{`clipperops rollout resume --reason "fixed in 1.4.2" --env production`},
		action:   conducts(runbook.RolloutResume),
	})
}

func rolloutSignOffCommand() command {
	return exposes(command{
		name:        "signoff",
		usage:       "vouch for a criterion that no metric knows",
		description: "It counts for the phase the rollout is in, and for as long as it stays there; rollout plan names them.",
		argsUsage:   "CRITERION", minArgs: 1, maxArgs: 1,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "by", Usage: "`WHO` vouches; default the operator"},
			&cli.StringFlag{Name: "note", Usage: "a `TEXT` that is recorded: where to look"},
		},
		examples: []string{`clipperops rollout signoff no-critical-bugs --by maria --note "triage of 18 January" --env production`},
		action: func(i *invocation) error {
			sign := runbook.SignOff{Criterion: i.Args().First(), By: strings.TrimSpace(i.String("by")), Note: i.String("note")}
			if sign.By == "" {
				sign.By = i.operator()
			}
			return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run {
				return runbook.RolloutSignOff(ctx, s, sign, runbook.RolloutOptions{})
			})
		},
	})
}
