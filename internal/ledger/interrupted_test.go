package ledger_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

func interrupted(t *testing.T, target config.Target) []ledger.Entry {
	t.Helper()
	entries, err := ledger.Interrupted(t.Context(), pgtest.Connect(t, target))
	must(t, err)
	return entries
}

// kill ends the session as SIGKILL of its program does: from outside, unasked.
func kill(t *testing.T, target config.Target, conn *pgx.Conn) {
	t.Helper()
	if !pgtest.QueryValue[bool](t, target, `SELECT pg_terminate_backend($1::int)`, conn.PgConn().PID()) {
		t.Fatal("the session could not be killed")
	}
	for t.Context().Err() == nil {
		if !pgtest.QueryValue[bool](t, target, `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1::int)`, conn.PgConn().PID()) {
			return
		}
	}
}

func TestAKilledRunIsFoundAndClosedAndALivingOneIsNot(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	if got := interrupted(t, target); got != nil {
		t.Errorf("without a ledger: %v", got)
	}
	living := open(t, target)
	must(t, living.Begin(t.Context(), header("LIVING")))
	conn := pgtest.Connect(t, target)
	killed, err := ledger.Open(t.Context(), conn)
	must(t, err)
	must(t, killed.Begin(t.Context(), header("KILLED")))
	must(t, killed.Step(t.Context(), "KILLED", "apply"))
	must(t, killed.RecordFile(t.Context(), conn, ledger.FileRecord{RunID: "KILLED", Version: 11, Name: "a", Direction: ledger.Up, SHA256: "x"}))
	if got, err := living.Interrupted(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("while both live: %+v, %v", got, err)
	}
	kill(t, target, conn)

	got := interrupted(t, target)
	if len(got) != 1 || got[0].ID != "KILLED" || got[0].Step != "apply" || len(got[0].Files) != 1 || got[0].Outcome != ops.OutcomeInterrupted {
		t.Fatalf("%+v", got)
	}
	must(t, living.CloseInterrupted(t.Context(), "bob@ops2, run LIVING"))
	if got := interrupted(t, target); len(got) != 0 {
		t.Errorf("closed, and still found: %+v", got)
	}
	e := history(t, target, ledger.Filter{ID: "KILLED"})[0]
	if e.Outcome != ops.OutcomeInterrupted || e.FoundBy != "bob@ops2, run LIVING" || e.Finished == nil || e.ExitCode != nil || e.DurationMS != nil {
		t.Errorf("%+v", e)
	}
	if e := history(t, target, ledger.Filter{ID: "LIVING"})[0]; e.Outcome != ledger.OutcomeRunning {
		t.Errorf("the living run is %s", e.Outcome)
	}
}

// TestAPidUsedAgainDoesNotHideAKilledRun guards against a server restart, after
// which another session may have the killed one's pid.
func TestAPidUsedAgainDoesNotHideAKilledRun(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	must(t, l.Begin(t.Context(), header(runID)))
	pgtest.Exec(t, target, `UPDATE clipperops.runs SET backend_start = backend_start - interval '1 day'`)
	if got := interrupted(t, target); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestASessionThatCannotBeSeenIsNotCalledKilled guards against a role that may
// not see when another's session began.
func TestASessionThatCannotBeSeenIsNotCalledKilled(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	must(t, open(t, target).Begin(t.Context(), header(runID)))
	role := pgtest.NewRole(t, "").WithDatabase(target.Database)
	pgtest.Exec(t, target, `GRANT USAGE ON SCHEMA clipperops TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA clipperops TO PUBLIC`)
	if got := interrupted(t, role); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestARunInACopyOfItsDatabaseIsNotCalledKilled guards against restored backups
// and clones: each holds the unfinished run that made it.
func TestARunInACopyOfItsDatabaseIsNotCalledKilled(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	must(t, l.Begin(t.Context(), header(runID)))
	pgtest.Exec(t, target, `UPDATE clipperops.runs SET database_oid = 1, backend_pid = -1`)
	if got := interrupted(t, target); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	must(t, l.CloseInterrupted(t.Context(), "bob"))
	if e := history(t, target, ledger.Filter{})[0]; e.Outcome != ledger.OutcomeCopied {
		t.Errorf("outcome %s", e.Outcome)
	}
}
