package main

import (
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
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
		reports: true,
		codes:   []ops.ExitCode{ops.ExitUsage, ops.ExitChecks, ops.ExitInterrupted},
		action: func(i *invocation) error {
			return i.conduct(runbook.Preflight)
		},
	}
}
