package preflight

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

func environmentEntries() []entry {
	return []entry{
		{
			id: "env.config", group: groupEnvironment, fatal: true, offline: true,
			title: "the settings are complete and do not contradict each other", run: checkConfig,
		},
		{
			id: "env.tools", group: groupEnvironment, fatal: true, offline: true,
			title: "pg_dump and psql are there and fit the server", run: checkTools,
		},
		{
			id: "env.rehearsal", group: groupEnvironment, fatal: true,
			title: "the place chosen for the rehearsal can hold a clone", run: checkRehearsal,
		},
	}
}

func checkConfig(_ context.Context, i *inspection) ops.Result {
	switch {
	case i.ConfigErr != nil:
		return fromFailure(i.ConfigErr)
	case i.Config == nil:
		return ops.Skip("no settings were given")
	case i.Config.TargetErr != nil:
		return fromFailure(i.Config.TargetErr)
	}
	facts := []ops.Fact{{Name: "environment", Value: string(i.Config.Environment)}}
	for _, s := range i.Config.Settings {
		if strings.HasPrefix(s.Key, "database.") && s.Value != "" {
			facts = append(facts, ops.Fact{Name: s.Key, Value: s.Value + "  from " + s.Source})
		}
	}
	if n := len(i.Config.Warnings); n > 0 {
		var warnings []ops.Fact
		for _, w := range i.Config.Warnings {
			warnings = append(warnings, ops.Fact{Name: w})
		}
		return ops.Warn("the settings are complete, with "+count(n, "warning", "warnings"),
			"clipperops config show   prints every setting and where it comes from", limited(warnings)...)
	}
	return ops.Pass("settings complete: "+i.Target.String(), facts...)
}

// checkTools looks at the client programs the backup needs.
func checkTools(_ context.Context, i *inspection) ops.Result {
	switch dump, psql := i.Programs.Dump, i.Programs.Psql; {
	case i.BackupWaived != "":
		return ops.Skip("no backup will be taken: " + i.BackupWaived)
	case i.ProgramsErr != nil:
		return fromFailure(i.ProgramsErr)
	case dump.Path == "" || psql.Path == "":
		return ops.Skip("not looked for")
	default:
		return judgeTools(i)
	}
}

// checkRehearsal asks the place for what a clone needs of it; none is made.
func checkRehearsal(ctx context.Context, i *inspection) ops.Result {
	switch {
	case i.NoRehearsal != "":
		return ops.Skip(i.NoRehearsal)
	case i.CanRehearse == nil:
		return ops.Skip("not asked")
	case i.ProgramsErr != nil:
		return ops.Skip("the programs that make a clone are missing (env.tools)")
	}
	if err := i.CanRehearse(ctx); err != nil {
		return fromFailure(err)
	}
	return ops.Pass("the place chosen for the rehearsal can hold a clone")
}

func judgeTools(i *inspection) ops.Result {
	dump, psql, server := i.Programs.Dump, i.Programs.Psql, i.Server.Major()
	facts := []ops.Fact{{Name: "pg_dump", Value: dump.String()}, {Name: "psql", Value: psql.String()}}
	install := fmt.Sprintf("install the client programs of PostgreSQL %d, or name their directory as pg_programs in clipperops.yaml", server)
	switch {
	case server == 0:
		return ops.Pass(fmt.Sprintf("pg_dump %s, psql %s; the server's version is not known", dump.Version, psql.Version), facts...)
	case dump.Major < server:
		return ops.Fail(fmt.Sprintf("pg_dump %s cannot dump a server of version %d", dump.Version, server), install, facts...)
	case psql.Major < dump.Major, dump.KnowsRestrict() && !psql.KnowsRestrict():
		return ops.Warn(fmt.Sprintf("psql %s is older than pg_dump %s and may not read its dumps", psql.Version, dump.Version), install, facts...)
	case dump.Major >= 17 && server < 17:
		return ops.Warn(fmt.Sprintf("pg_dump %s writes SET transaction_timeout, which a server of version %d refuses when a dump is restored by hand", dump.Version, server), install, facts...)
	}
	return ops.Pass(fmt.Sprintf("pg_dump %s and psql %s for PostgreSQL %d", dump.Version, psql.Version, server), facts...)
}
