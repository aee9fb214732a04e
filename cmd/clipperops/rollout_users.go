package main

import (
	"context"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
)

func rolloutUsersCommand() command {
	users := func(name, usage string, flow func(context.Context, *runbook.Session, []string, runbook.RolloutOptions) *ops.Run) command {
		return exposes(command{
			name: name, usage: usage, argsUsage: "ID…", minArgs: 1, maxArgs: featureflag.MaxUsers,
			examples: []string{"clipperops rollout users " + name + " 7c9e6679-7425-40de-944b-e07fc1f90ae7 --env production"},
			action: func(i *invocation) error {
				ids := i.Args().Slice()
				return i.rollOut(func(ctx context.Context, s *runbook.Session, o runbook.RolloutOptions) *ops.Run {
					return flow(ctx, s, ids, o)
				})
			},
		})
	}
	return command{
		name:  "users",
		usage: "who has the feature by name, whatever the percentage",
		subcommands: []command{
			users("add", "name users", func(ctx context.Context, s *runbook.Session, ids []string, o runbook.RolloutOptions) *ops.Run {
				return runbook.RolloutUsers(ctx, s, ids, nil, o)
			}),
			users("remove", "take names back", func(ctx context.Context, s *runbook.Session, ids []string, o runbook.RolloutOptions) *ops.Run {
				return runbook.RolloutUsers(ctx, s, nil, ids, o)
			}),
			{
				name: "list", usage: "who is named", codes: lookingCodes,
				examples: []string{"clipperops rollout users list --env production"},
				action:   lists(runbook.RolloutUsersNow, userList),
			},
		},
	}
}

func userList(ids []string) reports.List {
	l := reports.List{Items: ids, Columns: []string{"user"}, Empty: "nobody is named"}
	for _, id := range ids {
		l.Rows = append(l.Rows, []string{id})
	}
	return l
}
