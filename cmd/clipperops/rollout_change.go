package main

import (
	"context"
	"strings"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func rolloutStartCommand() command {
	return exposes(command{
		name:  "start",
		usage: "begin the first phase of the environment",
		examples: []string{
			"clipperops rollout users add 6f1c… 93aa… --env production",
			"clipperops rollout start --env production",
		},
		action: conducts(runbook.RolloutStart),
	})
}

func rolloutAdvanceCommand() command {
	return exposes(command{
		name:        "advance",
		usage:       "move on to the next phase, when this one is over",
		description: "Refused when time, samples, gates or sign-offs are missing, saying which, and when they can be there.",
		examples:    []string{"clipperops rollout advance --env production"},
		action:      conducts(runbook.RolloutAdvance),
	})
}

func rolloutSetCommand() command {
	return exposes(command{
		name:  "set",
		usage: "set the percentage: to more when the phase is over, to less always",
		description: `To more: only the next phase's percentage, under the rules of rollout advance, or
with --force. To less: any value, at once. set 0 keeps the named users; rollout off
takes it from them too. Production asks for yes; a script gives --yes.`,
		argsUsage: "PERCENTAGE", minArgs: 1, maxArgs: 1,
		examples: []string{
			"clipperops rollout set 50 --env production",
			"clipperops rollout set 25 --env production",
			`clipperops rollout set 50 --env staging --force --reason "load test"`,
		},
		action: func(i *invocation) error {
			text := strings.TrimSuffix(i.Args().First(), "%")
			to, err := featureflag.ParsePercentage(text)
			if err != nil {
				return usageError(i.path, "%q: %s", i.Args().First(), err)
			}
			return i.rollOut(func(ctx context.Context, s *runbook.Session, o runbook.RolloutOptions) *ops.Run {
				return runbook.RolloutSet(ctx, s, to, o)
			})
		},
	})
}

func rolloutOffCommand() command {
	return exposes(command{
		name:  "off",
		usage: "the kill switch: off for everybody, now",
		description: `Asks nothing, waits for no gate and no other operator, and works while the record's
database is away where the flag is kept elsewhere. It says how many instances confirm,
and how long that took. When one does not, it ends with 1 and the flag stays off.`,
		flags:    []cli.Flag{propagationFlag(), rolloutReasonFlag("")},
		examples: []string{"clipperops rollout off --env production"},
		codes:    []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitBusy, ops.ExitInterrupted}, // it refuses nothing
		action:   (*invocation).turnOff,
	})
}

func rolloutAdoptCommand() command {
	return exposes(command{
		name:     "adopt",
		usage:    "take what somebody set by hand for the rollout's own",
		flags:    []cli.Flag{propagationFlag(), rolloutReasonFlag("needed")},
		examples: []string{`clipperops rollout adopt --reason "set by hand during the incident" --env production`},
		action:   conducts(runbook.RolloutAdopt),
	})
}
