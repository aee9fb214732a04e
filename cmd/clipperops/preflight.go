package main

import (
	"context"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func preflightCommand() command {
	return command{
		name:  "preflight",
		usage: "may the migration proceed?",
		description: `Looks at the settings, the files, the server, what the release needs, the state
of the database and what is going on in it. Changes nothing and blocks nobody.`,
		examples: []string{
			"clipperops preflight --env staging",
			"clipperops preflight --env production --report preflight-prod.html",
			"clipperops preflight --output json | jq .outcome",
		},
		flags:   []cli.Flag{allowIrreversibleFlag(), rehearseOnFlag()},
		reports: true,
		codes:   []ops.ExitCode{ops.ExitUsage, ops.ExitChecks, ops.ExitInterrupted},
		action: func(i *invocation) error {
			return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run {
				return runbook.Preflight(ctx, s, runbook.PreflightOptions{AllowIrreversible: i.Bool("allow-irreversible")})
			})
		},
	}
}
