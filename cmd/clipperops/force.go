package main

import (
	"context"
	"strconv"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func migrateForceCommand() command {
	return command{
		name:  "force",
		usage: "set the version row to what you say: the last resort",
		description: `Touches nothing but the version row, whatever the database holds. It asks on every
environment, shows what a comparison says first, and is recorded. Where migrate
repair can tell the version, use that. VERSION is one that has a file, or none.`,
		argsUsage: "VERSION",
		minArgs:   1, maxArgs: 1,
		flags: []cli.Flag{rehearseOnFlag()},
		examples: []string{
			"clipperops migrate force 48 --env staging",
			"clipperops migrate force none --env staging",
		},
		reports: true,
		codes:   []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitRefused, ops.ExitBusy, ops.ExitInterrupted},
		action: func(i *invocation) error {
			version, err := forcedVersion(i.path, i.Args().First())
			if err != nil {
				return err
			}
			o := runbook.ForceOptions{Version: version}
			return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run { return runbook.Force(ctx, s, o) })
		},
	}
}

// forcedVersion reads a version, or none, which golang-migrate calls -1.
func forcedVersion(path, text string) (int64, error) {
	if text == "none" || text == "-1" {
		return -1, nil
	}
	v, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, usageError(path, "%q is not a version: a number such as 97 or 000097, or none", text)
	}
	return int64(v), nil
}
