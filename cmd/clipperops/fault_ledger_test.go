package main

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// asSuperuser is the program's database as the server's own role.
func (p *program) asSuperuser() config.Target {
	return pgtest.Shared(p.t).WithDatabase(p.target.Database)
}

// TestALedgerThatCannotBeWrittenStopsNobody: every command works, says that it is
// not recorded and why, and what to do.
func TestALedgerThatCannotBeWrittenStopsNobody(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]struct {
		before func(p *program)
		says   string
	}{
		"the schema is another role's": {
			func(p *program) { pgtest.Exec(p.t, p.asSuperuser(), "CREATE SCHEMA clipperops") },
			"this run is not recorded: .*schema clipperops belongs to role.* fix: GRANT",
		},
		"a newer clipperops was here": {
			func(p *program) {
				p.wants(ops.ExitDone, "backup")
				pgtest.Exec(p.t, p.target, "INSERT INTO clipperops.schema_version (version) VALUES (999)")
			},
			"this run is not recorded: .*(newer|999)",
		},
		"its tables are locked": {
			func(p *program) {
				p.wants(ops.ExitDone, "backup")
				pgtest.HoldTable(p.t, p.target, "clipperops.runs", "ACCESS EXCLUSIVE")
			},
			"this run is not recorded: .*somebody holds a lock on its tables.* fix: see who holds the lock: SELECT",
		},
		"it may only be read": {
			func(p *program) {
				p.wants(ops.ExitDone, "backup")
				pgtest.Exec(p.t, p.target, "REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA clipperops FROM "+p.target.User)
			},
			"this run is not recorded: .*(permission|privilege|may not)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
			closed.before(p)
			p.wants(ops.ExitDone, "migrate --skip-backup", closed.says, "Moderation system is ready for use.")
			p.wantVersion(97)
			if d := p.wantsDocument(ops.ExitDone, "rollback --target 10 --skip-backup"); d.Outcome != ops.OutcomeWarn {
				t.Errorf("a run that is not recorded ended with %s", d.Outcome)
			}
			p.wantVersion(10)
			p.wants(ops.ExitDone, "migrate status", "version 10, clean")
		})
	}
}

// TestABackupIsTakenWhereTheLedgerCannotBeMade: a migration needs the right to
// create in the database anyway, a backup does not.
func TestABackupIsTakenWhereTheLedgerCannotBeMade(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	pgtest.Exec(t, p.asSuperuser(), "REVOKE CREATE ON DATABASE "+p.target.Database+" FROM "+p.target.User)
	p.wants(ops.ExitDone, "backup",
		"this run is not recorded: .*may not create schema clipperops.* fix: CREATE SCHEMA clipperops AUTHORIZATION", "restorable")
	p.wants(ops.ExitChecks, "migrate", "db.privileges", "GRANT CREATE ON DATABASE", "nothing was changed")
	p.wants(ops.ExitDone, "history", "no run is recorded")
}

// TestALedgerThatIsLockedInTheMiddleStopsNobody: another session takes its tables
// while a file waits for a lock, and keeps them.
func TestALedgerThatIsLockedInTheMiddleStopsNobody(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	r, free := p.stuck()
	held := pgtest.Hold(t, p.target, "LOCK TABLE clipperops.runs, clipperops.files IN ACCESS EXCLUSIVE MODE")
	free()
	r.wants(ops.ExitDone, "000097 is applied, and not recorded in the ledger", "the end of this run could not be recorded", "The migration is applied and was not validated")
	p.wantVersion(97)
	held.Release()
	p.wants(ops.ExitDone, "history", "command migrate")
}

// TestALedgerThatIsDroppedLosesNothingElse: the next run makes it anew.
func TestALedgerThatIsDroppedLosesNothingElse(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.wants(ops.ExitDone, "history", "no run is recorded")
	r, free := p.stuck()
	pgtest.Exec(t, p.target, "DROP SCHEMA clipperops CASCADE")
	free()
	r.wants(ops.ExitDone)
	p.wantVersion(97)
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup", "Rolled back to version 10")
	if text := p.wants(ops.ExitDone, "history", "command rollback"); strings.Contains(text, "not recorded") {
		t.Errorf("the ledger was not made anew:\n%s", text)
	}
}
