package main

import (
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
)

func configCommand() command {
	return command{
		name:  "config",
		usage: "the settings in force, and where each came from",
		subcommands: []command{{
			name:     "show",
			usage:    "every resolved setting and its source; secrets as ***",
			examples: []string{"clipperops config show --env production"},
			codes:    []ops.ExitCode{ops.ExitUsage},
			action: func(i *invocation) error {
				settings, err := i.settings()
				if err != nil {
					return err
				}
				l := reports.List{Items: settings.Settings, Columns: []string{"setting", "value", "source"}}
				for _, one := range settings.Settings {
					l.Rows = append(l.Rows, []string{one.Key, one.Value, one.Source})
				}
				return i.list(l)
			},
		}},
	}
}
