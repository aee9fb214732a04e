package preflight_test

import (
	"context"
	"errors"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/preflight"
)

func TestEnvConfig(t *testing.T) {
	t.Parallel()
	good := preflight.Input{
		Target: config.Target{Host: "db", Port: 5432, User: "clipper", Database: "clipper_db"},
		Config: &config.Config{Environment: config.Staging, Settings: []config.Setting{
			{Key: "database.host", Value: "db", Source: "environment DB_HOST"},
			{Key: "database.password", Value: "***", Source: "backend/.env DB_PASSWORD (line 3)"},
		}},
	}
	r := expect(t, good, "env.config", ops.StatusPass, "clipper@db:5432/clipper_db")
	shows(t, r, "database.host: db  from environment DB_HOST")

	warned := good
	warned.Config = &config.Config{Warnings: []string{".env holds a password and can be read by every user"}}
	shows(t, expect(t, warned, "env.config", ops.StatusWarn, "1 warning"), "can be read by every user")

	for name, in := range map[string]preflight.Input{
		"the settings contradict": {ConfigErr: &ops.Failure{What: "DATABASE_URL and DB_HOST disagree", Detail: []string{"db1 and db2"}, Next: []string{"take one of them out"}}},
		"no database":             {Config: &config.Config{TargetErr: &ops.Failure{What: "DATABASE_URL and DB_HOST disagree", Detail: []string{"db1 and db2"}, Next: []string{"take one of them out"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := expect(t, in, "env.config", ops.StatusFail, "disagree")
			shows(t, r, "db1 and db2")
			advises(t, r, "take one of them out")
			expect(t, in, "db.connect", ops.StatusSkip, "env.config")
		})
	}
}

func TestEnvTools(t *testing.T) {
	t.Parallel()
	program := func(name, version string, major, minor int) pg.Program {
		return pg.Program{Name: name, Path: "/usr/bin/" + name, Version: version, Major: major, Minor: minor}
	}
	with := func(dump, psql pg.Program, server int) preflight.Input {
		return preflight.Input{Programs: pg.Programs{Dump: dump, Psql: psql}, Server: pg.Server{VersionNum: server}}
	}
	dump15, psql15 := program("pg_dump", "15.18", 15, 18), program("psql", "15.18", 15, 18)
	shows(t, expect(t, with(dump15, psql15, 150018), "env.tools", ops.StatusPass, "pg_dump 15.18 and psql 15.18 for PostgreSQL 15"), "/usr/bin/pg_dump")
	expect(t, with(dump15, psql15, 0), "env.tools", ops.StatusPass, "not known")
	expect(t, with(dump15, psql15, 160001), "env.tools", ops.StatusFail, "pg_dump 15.18 cannot dump a server of version 16")
	expect(t, with(program("pg_dump", "17.6", 17, 6), program("psql", "17.6", 17, 6), 150018), "env.tools", ops.StatusWarn, "transaction_timeout")
	expect(t, with(dump15, program("psql", "14.1", 14, 1), 140001), "env.tools", ops.StatusWarn, "may not read its dumps")
	expect(t, with(dump15, program("psql", "15.2", 15, 2), 150018), "env.tools", ops.StatusWarn, "may not read its dumps")

	missing := preflight.Input{ProgramsErr: &ops.Failure{What: "no pg_dump on this machine", Detail: []string{"looked in PATH"}, Next: []string{"sudo apt-get install -y postgresql-client-15"}}}
	advises(t, expect(t, missing, "env.tools", ops.StatusFail, "no pg_dump"), "apt-get install")
	missing.BackupWaived = "--skip-backup"
	expect(t, missing, "env.tools", ops.StatusSkip, "--skip-backup")
	expect(t, preflight.Input{}, "env.tools", ops.StatusSkip, "not looked for")
}

// TestAnErrorThatIsNoFailureStillHasAFix guards the rule that every finding says
// what to do.
func TestAnErrorThatIsNoFailureStillHasAFix(t *testing.T) {
	t.Parallel()
	r := look(t, preflight.Input{ConfigErr: errors.New("something broke")}, "env.config")
	if r.Status != ops.StatusFail || r.Summary != "something broke" || r.Fix == "" {
		t.Errorf("%+v", r)
	}
}

// TestEnvRehearsal: what the place lacks is known before anything is begun.
func TestEnvRehearsal(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t))
	in.CanRehearse = func(context.Context) error {
		return &ops.Failure{What: "the server cannot hold a clone", Detail: []string{"role clipper is missing"}, Next: []string{"--rehearse-on local"}}
	}
	r := expect(t, in, "env.rehearsal", ops.StatusFail, "cannot hold a clone")
	shows(t, r, "role clipper is missing")
	advises(t, r, "--rehearse-on local")
	in.CanRehearse = func(context.Context) error { return nil }
	expect(t, in, "env.rehearsal", ops.StatusPass, "can hold a clone")
	in.NoRehearsal = "the rehearsal is off"
	expect(t, in, "env.rehearsal", ops.StatusSkip, "the rehearsal is off")
	in.NoRehearsal, in.ProgramsErr = "", errors.New("no psql")
	expect(t, in, "env.rehearsal", ops.StatusSkip, "env.tools")
	expect(t, preflight.Input{}, "env.rehearsal", ops.StatusSkip, "no connection")
}
