package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

const runID = "01JKX0000000000000000000AA"

func header(id string) ops.Header {
	return ops.Header{
		ID: id, Command: "migrate", Environment: "staging", Release: "moderation",
		Database: "postgres://clipper@db:5432/clipper_db?sslmode=require",
		Operator: "alice", Host: "ops1", Version: "1.0.0",
	}
}

// finished is a run that passed one check and failed another.
func finished(t *testing.T, id string, err error) *ops.Run {
	t.Helper()
	run := ops.Begin(header(id), nil, nil)
	_ = run.Do(context.Background(), "preflight", func(_ context.Context, s *ops.Step) error {
		s.Record(ops.Result{ID: "db.version", Status: ops.StatusPass, Summary: "PostgreSQL 15"})
		s.Record(ops.Result{ID: "activity.long_tx", Status: ops.StatusWarn, Summary: "open for 47 min"})
		return nil
	})
	run.Attach(ops.Artifact{Kind: "backup", Path: "/var/backups/clipper/db.sql.gz", SHA256: "9f2c", Bytes: 12})
	run.Finish(err)
	run.Took = 1500 * time.Millisecond
	return run
}

func history(t *testing.T, target config.Target, f ledger.Filter) []ledger.Entry {
	t.Helper()
	entries, err := ledger.History(t.Context(), pgtest.Connect(t, target), f)
	if err != nil {
		t.Fatalf("History: %v", err)
	}
	return entries
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestARunFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	must(t, l.Begin(t.Context(), header(runID)))
	must(t, l.Step(t.Context(), runID, "backup"))
	if e := history(t, target, ledger.Filter{})[0]; e.Outcome != ledger.OutcomeRunning || e.Step != "backup" || e.Finished != nil || e.ExitCode != nil {
		t.Errorf("while it runs: %+v", e)
	}
	must(t, l.Finish(t.Context(), finished(t, runID, nil), "/reports/migrate.html"))

	got := history(t, target, ledger.Filter{})
	code, took := 0, int64(1500)
	want := []ledger.Entry{{
		ID: runID, Command: "migrate", Environment: "staging", Release: "moderation",
		Database: "postgres://clipper@db:5432/clipper_db?sslmode=require", Operator: "alice", Host: "ops1", Version: "1.0.0",
		Outcome: ops.OutcomeWarn, ExitCode: &code, DurationMS: &took, Step: "backup", Report: "/reports/migrate.html",
		Summary: &ledger.Summary{
			Counts:    ledger.Counts{Pass: 1, Warn: 1},
			Steps:     []ledger.Step{{Name: "preflight", Status: ops.StatusWarn}},
			Findings:  []ledger.Finding{{ID: "activity.long_tx", Status: ops.StatusWarn, Summary: "open for 47 min"}},
			Artifacts: []ledger.Artifact{{Kind: "backup", Path: "/var/backups/clipper/db.sql.gz", SHA256: "9f2c", Bytes: 12}},
		},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(ledger.Entry{}, "Started", "Finished"), cmpopts.IgnoreFields(ledger.Step{}, "DurationMS")); diff != "" {
		t.Error(diff)
	}
	if e := got[0]; e.Started.Location() != time.UTC || e.Finished == nil || e.Finished.Before(e.Started) {
		t.Errorf("started %v, finished %v", e.Started, e.Finished)
	}
}

func TestAnEntryPrintsTheFieldsOfTheListContract(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	must(t, l.Begin(t.Context(), header(runID)))
	must(t, l.RecordFile(t.Context(), pgtest.Connect(t, target), ledger.FileRecord{RunID: runID, Version: 11, Name: "add_moderation_audit_logs", Direction: ledger.Up, SHA256: "ab", Took: 210 * time.Millisecond}))
	must(t, l.Finish(t.Context(), finished(t, runID, nil), "r.html"))
	data, err := json.Marshal(history(t, target, ledger.Filter{})[0])
	must(t, err)
	var got map[string]any
	must(t, json.Unmarshal(data, &got))
	for _, key := range []string{"id", "command", "environment", "release", "database", "operator", "host", "version", "started", "finished", "outcome", "exit_code", "duration_ms", "report", "summary", "files"} {
		if _, ok := got[key]; !ok {
			t.Errorf("no %q in %s", key, data)
		}
	}
	file := got["files"].([]any)[0].(map[string]any)
	if file["version"] != 11.0 || file["direction"] != "up" || file["duration_ms"] != 210.0 {
		t.Errorf("file %v", file)
	}
}

func TestFinishWritesWhatWentWrong(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	must(t, l.Begin(t.Context(), header(runID)))
	cause := &ops.Failure{Code: ops.ExitBusy, What: "another operator is migrating", Detail: []string{"bob since 10:02"}, State: []string{"nothing was touched"}}
	must(t, l.Finish(t.Context(), finished(t, runID, cause), ""))
	e := history(t, target, ledger.Filter{})[0]
	if e.Outcome != ops.OutcomeBusy || *e.ExitCode != 6 || e.Error != "another operator is migrating\nbob since 10:02\nnothing was touched" {
		t.Errorf("%+v", e)
	}
}

func TestFinishAlsoWithACancelledContextAndWithoutABegin(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, l.Finish(ctx, finished(t, runID, context.Canceled), "r.html"))
	e := history(t, target, ledger.Filter{})[0]
	if e.Outcome != ops.OutcomeInterrupted || *e.ExitCode != 130 || e.Command != "migrate" {
		t.Errorf("%+v", e)
	}
	if took := e.Finished.Sub(e.Started); took < 1400*time.Millisecond || took > 1600*time.Millisecond {
		t.Errorf("started %s before it finished, want the run's 1.5 s", took)
	}
}

func TestARunWhoseSessionBrokeIsFinishedThroughAnother(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	l, err := ledger.Open(t.Context(), conn)
	must(t, err)
	must(t, l.Begin(t.Context(), header(runID)))
	must(t, conn.Close(t.Context()))
	if err := l.Step(t.Context(), runID, "apply"); err == nil {
		t.Error("a step was marked on a closed connection")
	}
	again := open(t, target)
	must(t, again.Step(t.Context(), runID, "apply"))
	if e := history(t, target, ledger.Filter{})[0]; e.Outcome != ledger.OutcomeRunning {
		t.Errorf("taken over, the run is %s", e.Outcome)
	}
	must(t, again.Finish(t.Context(), finished(t, runID, nil), "r.html"))
	if got := history(t, target, ledger.Filter{}); len(got) != 1 || got[0].Finished == nil {
		t.Errorf("%+v", got)
	}
}

func TestHistoryIsNewestFirstAndFiltered(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	for _, h := range []ops.Header{
		{ID: "A", Command: "preflight", Environment: "staging", Operator: "alice"},
		{ID: "B", Command: "migrate", Environment: "production", Operator: "bob"},
		{ID: "C", Command: "migrate", Environment: "staging", Operator: "bob"},
	} {
		must(t, l.Begin(t.Context(), h))
		run := ops.Begin(h, nil, nil)
		if h.ID == "B" {
			run.Finish(errors.New("broke"))
		}
		must(t, l.Finish(t.Context(), run, ""))
	}
	for name, c := range map[string]struct {
		filter ledger.Filter
		want   string
	}{
		"all":         {ledger.Filter{}, "CBA"},
		"limit":       {ledger.Filter{Limit: 2}, "CB"},
		"command":     {ledger.Filter{Command: "migrate"}, "CB"},
		"environment": {ledger.Filter{Environment: "staging"}, "CA"},
		"operator":    {ledger.Filter{Operator: "alice"}, "A"},
		"outcome":     {ledger.Filter{Outcome: ops.OutcomeFail}, "B"},
		"id":          {ledger.Filter{ID: "A"}, "A"},
		"since":       {ledger.Filter{Since: time.Now().Add(time.Hour)}, ""},
		"injection":   {ledger.Filter{Command: "' OR ''='"}, ""},
	} {
		got := ""
		for _, e := range history(t, target, c.filter) {
			got += e.ID
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestNoSecretReachesTheLedger runs with a canary for a password, put wherever
// an error or a careless header could carry it, and looks for it in every column.
func TestNoSecretReachesTheLedger(t *testing.T) {
	t.Parallel()
	const canary = "s3cr3t-canary@x/y'z"
	target := pgtest.New(t)
	role := pgtest.NewRole(t, "SUPERUSER")
	pgtest.Exec(t, target, `ALTER ROLE `+pgx.Identifier{role.User}.Sanitize()+` PASSWORD 's3cr3t-canary@x/y''z'`)
	role = role.WithDatabase(target.Database)
	role.Password = canary
	conn := pgtest.Connect(t, role)
	t.Cleanup(func() {
		if _, err := pgtestExec(context.WithoutCancel(t.Context()), target, `REASSIGN OWNED BY `+pgx.Identifier{role.User}.Sanitize()+` TO CURRENT_USER`); err != nil {
			t.Error(err)
		}
	})
	l, err := ledger.Open(t.Context(), conn)
	must(t, err)
	h := header(runID)
	h.Database = "postgres://clipper:" + canary + "@db/clipper"
	h.Operator = "alice " + canary
	must(t, l.Begin(t.Context(), h))
	must(t, l.Step(t.Context(), runID, "apply "+canary))
	must(t, l.RecordFile(t.Context(), conn, ledger.FileRecord{RunID: runID, Version: 11, Name: canary, Direction: ledger.Up, SHA256: "ab"}))
	run := ops.Begin(h, nil, nil)
	_ = run.Do(t.Context(), "step "+canary, func(_ context.Context, s *ops.Step) error {
		s.Record(ops.Result{ID: "x", Status: ops.StatusWarn, Summary: canary})
		return nil
	})
	run.Attach(ops.Artifact{Kind: "backup", Path: "/tmp/" + canary})
	run.Finish(errors.New("dial postgres://u:" + canary + "@h: password=" + canary + " PGPASSWORD='" + canary + "'"))
	must(t, l.Finish(t.Context(), run, "/reports/"+canary))
	for _, table := range []string{"runs", "files"} {
		for _, row := range pgtest.QueryColumn[string](t, target, `SELECT r::text FROM clipperops.`+table+` r`) {
			if strings.Contains(row, "canary") {
				t.Errorf("%s: %s", table, row)
			}
		}
	}
	if e := history(t, target, ledger.Filter{})[0]; e.Database != "postgres://clipper:***@db/clipper" {
		t.Errorf("database %q", e.Database)
	}
}

// TestLongAndHostileTextIsCutAndCleaned guards the terminal that prints the
// history, and the row's size.
func TestLongAndHostileTextIsCutAndCleaned(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	l := open(t, target)
	h := header(runID)
	h.Operator = "al\x1b[31mice\x00\x07 \xff\u202e"
	h.Host = strings.Repeat("hö", 1000)
	must(t, l.Begin(t.Context(), h))
	run := ops.Begin(h, nil, nil)
	run.Finish(errors.New(strings.Repeat("ä\n", 100_000)))
	must(t, l.Finish(t.Context(), run, ""))
	e := history(t, target, ledger.Filter{})[0]
	if e.Operator != "al[31mice ?" {
		t.Errorf("operator %q", e.Operator)
	}
	if len(e.Host) > 255 || len(e.Error) > 8192 || !strings.HasSuffix(e.Error, "…") {
		t.Errorf("host of %d bytes, error of %d", len(e.Host), len(e.Error))
	}
}

func TestADatabaseThatIsNotUTF8CanBeWritten(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	name := pgtest.New(t).Database + "_latin1"
	pgtest.Exec(t, server, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`)
	t.Cleanup(func() {
		if _, err := pgtestExec(context.WithoutCancel(t.Context()), server, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
	})
	target := server.WithDatabase(name)
	l := open(t, target)
	h := header(runID)
	h.Operator = "алиса"
	must(t, l.Begin(t.Context(), h))
	must(t, l.Finish(t.Context(), finished(t, runID, errors.New(strings.Repeat("→", 9000))), ""))
	if e := history(t, target, ledger.Filter{})[0]; e.Operator != "?????" {
		t.Errorf("operator %q", e.Operator)
	}
}
