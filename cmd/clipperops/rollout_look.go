package main

import (
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func rolloutStatusCommand() command {
	return command{
		name:     "status",
		usage:    "phase, percentage, instances, and what moving on still needs, with its evidence",
		flags:    []cli.Flag{&cli.BoolFlag{Name: "watch", Usage: "again every few seconds, until Ctrl-C"}},
		examples: []string{"clipperops rollout status --env production"},
		reports:  true, codes: lookingCodes,
		action: func(i *invocation) error {
			if i.Bool("watch") {
				return i.watchStatus()
			}
			return i.rollOut(runbook.RolloutStatus)
		},
	}
}

func rolloutGateCommand() command {
	return command{
		name:     "gate",
		usage:    "judge now whether the phase is over; changes nothing",
		examples: []string{"clipperops rollout gate --env production; case $? in 0) echo over;; 3) echo no;; 5) echo not yet;; esac"},
		reports:  true,
		codes:    []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitChecks, ops.ExitInconclusive, ops.ExitInterrupted},
		action:   conducts(runbook.RolloutGate),
	}
}
