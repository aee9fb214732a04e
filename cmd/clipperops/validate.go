package main

import (
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
)

func validateCommand() command {
	return command{
		name:  "validate",
		usage: "is everything the release promises there, and does it work?",
		description: `Compares the database with what the release file promises for the version it is
at, runs the release's probes, and writes to every table inside a transaction
that is rolled back.`,
		examples: []string{
			"clipperops validate --env staging --report validation-staging.txt",
			"clipperops validate --env production --report validation-prod.html --report validation-prod.xml",
		},
		reports: true,
		codes:   []ops.ExitCode{ops.ExitUsage, ops.ExitChecks, ops.ExitInterrupted},
		action: func(i *invocation) error {
			return i.conduct(runbook.Validate)
		},
	}
}
