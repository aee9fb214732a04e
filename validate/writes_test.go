package validate_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrations"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/validate"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// rows counts the rows of every table.
func rows(t testing.TB, target config.Target) map[string]int {
	t.Helper()
	got := map[string]int{}
	for _, table := range append(release.Moderation().Tables(), "users", "clips") {
		got[table] = pgtest.QueryValue[int](t, target, "SELECT count(*) FROM "+table)
	}
	return got
}

// writes returns the results of the write tests alone.
func writes(results []ops.Result) []ops.Result {
	var out []ops.Result
	for _, r := range results {
		if strings.HasPrefix(r.ID, "validate.writes.") {
			out = append(out, r)
		}
	}
	return out
}

// check returns one check of the moderation release, to be run alone.
func check(t testing.TB, conn *pgx.Conn, id string) ops.Check {
	t.Helper()
	for _, c := range validate.Checks(validate.Input{Conn: conn, Release: release.Moderation(), Version: 97}) {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no check %s", id)
	return ops.Check{}
}

func TestWriteTestsLeaveNothing(t *testing.T) {
	t.Parallel()
	target := moderationAt(t, 97)
	before := rows(t, target)
	conn := pgtest.Connect(t, target)
	results := writes(evaluate(t.Context(), validate.Checks(validate.Input{Conn: conn, Release: release.Moderation(), Version: 97})))
	if len(results) != len(release.Moderation().Tables()) || not(results) != nil {
		t.Errorf("%d write tests, not passed: %v", len(results), not(results))
	}
	if diff := cmp.Diff(before, rows(t, target)); diff != "" {
		t.Errorf("rows are left\n%s", diff)
	}
	if status := conn.PgConn().TxStatus(); status != 'I' {
		t.Errorf("the connection is left in transaction status %c", status)
	}
}

func TestWriteTestsMakeSomebodyWhereThereIsNobody(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	body, err := migrations.FS.ReadFile("000010_clipper_base.up.sql")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, target, string(body))
	migrate(t, target, release.Moderation(), migrations.FS, 97)
	if got := not(look(t, target, release.Moderation(), 97)); got != nil {
		t.Errorf("not passed: %v", got)
	}
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM users"); n != 0 {
		t.Errorf("%d users are left", n)
	}
}

func TestOnAReadOnlyDatabaseWriteTestsSkip(t *testing.T) {
	t.Parallel()
	target := moderationAt(t, 97)
	pgtest.Exec(t, target, "ALTER DATABASE "+pgx.Identifier{target.Database}.Sanitize()+" SET default_transaction_read_only = on")
	results := look(t, target, release.Moderation(), 97)
	for _, r := range results {
		want := ops.StatusPass
		if strings.HasPrefix(r.ID, "validate.writes.") {
			want = ops.StatusSkip
			if !strings.Contains(r.Summary, "default_transaction_read_only is on (database)") {
				t.Errorf("%s: %s", r.ID, r.Summary)
			}
		}
		if r.Status != want {
			t.Errorf("%s %s: %s", r.Status, r.ID, r.Summary)
		}
	}
}

// TestOurOwnReadOnlyConnectionIsNoObstacle guards against skipping because of how
// clipperops itself connects for reading.
func TestOurOwnReadOnlyConnectionIsNoObstacle(t *testing.T) {
	t.Parallel()
	target := moderationAt(t, 97)
	conn, err := pg.Connect(t.Context(), target, pg.ConnOptions{Application: "clipperops test", ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing depends on it
	results := evaluate(t.Context(), validate.Checks(validate.Input{Conn: conn, Release: release.Moderation(), Version: 97}))
	if got := not(results); got != nil {
		t.Errorf("not passed: %v", got)
	}
}

func TestOnAStandbyWriteTestsSkip(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	target := server.Target("postgres")
	body, err := migrations.FS.ReadFile("000010_clipper_base.up.sql")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, target, string(body))
	migrate(t, target, release.Moderation(), migrations.FS, 97)
	becomeStandby(t, server.Dir)
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range look(t, target, release.Moderation(), 97) {
		want := ops.StatusPass
		if strings.HasPrefix(r.ID, "validate.writes.") {
			want = ops.StatusSkip
			if !strings.Contains(r.Summary, "standby in recovery") {
				t.Errorf("%s: %s", r.ID, r.Summary)
			}
		}
		if r.Status != want {
			t.Errorf("%s %s: %s", r.Status, r.ID, r.Summary)
		}
	}
}

// becomeStandby makes the server stay in recovery from its next start on.
func becomeStandby(t *testing.T, dir string) {
	t.Helper()
	found := ""
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil && filepath.Base(path) == "PG_VERSION" && found == "" {
			found = filepath.Dir(path)
			return filepath.SkipAll
		}
		return nil
	})
	if err != nil || found == "" {
		t.Fatalf("no data directory below %s: %v", dir, err)
	}
	if err := os.WriteFile(filepath.Join(found, "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestARoleThatMayNotWriteIsToldWhatToGrant(t *testing.T) {
	t.Parallel()
	role := pgtest.NewRole(t, "") // before the database, so that it is dropped after it
	target := moderationAt(t, 97)
	pgtest.Exec(t, target, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+pgx.Identifier{role.User}.Sanitize())
	results := writes(look(t, role.WithDatabase(target.Database), release.Moderation(), 97))
	r := of(t, results, "validate.writes.user_bans")
	want := `GRANT SELECT, INSERT, UPDATE, DELETE ON "public"."user_bans" TO "` + role.User + `";`
	if r.Status != ops.StatusFail || r.Fix != want {
		t.Errorf("%s %s\nfix %s\nwant %s", r.Status, r.Summary, r.Fix, want)
	}
}

// TestALockedTableIsAnUnansweredQuestion guards that waiting ends, and that not
// knowing is a failure with its cause.
func TestALockedTableIsAnUnansweredQuestion(t *testing.T) {
	t.Parallel()
	target := moderationAt(t, 97)
	lock(t, target, "user_bans")
	conn := pgtest.Connect(t, target)
	r := check(t, conn, "validate.writes.user_bans").Evaluate(t.Context())
	if r.Status != ops.StatusFail || r.Err == nil || !strings.Contains(r.Summary, "lock timeout") || !strings.Contains(r.Fix, "somebody holds a lock") {
		t.Errorf("%s %s (fix: %s)", r.Status, r.Summary, r.Fix)
	}
	if status := conn.PgConn().TxStatus(); status != 'I' {
		t.Errorf("the connection is left in transaction status %c", status)
	}
}

// lock holds a table until the end of the test.
func lock(t *testing.T, target config.Target, table string) {
	t.Helper()
	holder := pgtest.Connect(t, target)
	if _, err := holder.Exec(t.Context(), "BEGIN; LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
}

// TestInterruptedWhileWritingLeavesNothing cancels a write test that waits for a lock.
func TestInterruptedWhileWritingLeavesNothing(t *testing.T) {
	t.Parallel()
	target := moderationAt(t, 97)
	lock(t, target, "moderation_decisions") // the queue's item is written by then
	conn, err := pg.Connect(t.Context(), target, pg.ConnOptions{Application: "clipperops interrupted"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing depends on it
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan ops.Result)
	c := check(t, conn, "validate.writes.moderation_decisions")
	go func() { done <- c.Evaluate(ctx) }()
	watcher := pgtest.Connect(t, target)
	for waiting := false; !waiting; {
		sql := "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'clipperops interrupted' AND datname = current_database() AND wait_event_type = 'Lock'"
		if err := watcher.QueryRow(t.Context(), sql).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if r := <-done; r.Status != ops.StatusFail || r.Err == nil {
		t.Errorf("%s %s", r.Status, r.Summary)
	}
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM moderation_queue"); n != 0 {
		t.Errorf("%d queue items are left", n)
	}
	if conn.IsClosed() || conn.PgConn().TxStatus() != 'I' {
		t.Error("the connection is not left as it was")
	}
}

// Guards against a statement of a release that ends the transaction of the write tests: what
// they wrote would stay, and nobody would be told.
func TestAStatementThatEndsTheTransactionIsNamed(t *testing.T) {
	t.Parallel()
	target := moderationAt(t, 97)
	for name, spoil := range map[string]func(*release.Release){
		"as a test":              func(r *release.Release) { spoilFirst(r, release.Statement{SQL: "COMMIT"}) },
		"as one that must fail":  func(r *release.Release) { spoilFirst(r, release.Statement{SQL: "COMMIT", Fails: "23502"}) },
		"as one that rolls back": func(r *release.Release) { spoilFirst(r, release.Statement{SQL: "ROLLBACK"}) },
		"to find somebody":       func(r *release.Release) { r.Writes.Person.Find = "COMMIT" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := *release.Moderation()
			spoil(&r)
			conn := pgtest.Connect(t, target)
			for _, c := range validate.Checks(validate.Input{Conn: conn, Release: &r, Version: 97}) {
				if c.ID != "validate.writes.user_bans" {
					continue
				}
				got := c.Evaluate(t.Context())
				if got.Status != ops.StatusFail || !strings.Contains(got.Summary, "ended the transaction of the write tests") || !strings.Contains(got.Fix, "delete them") {
					t.Errorf("%s %s: %s", got.Status, got.Summary, got.Fix)
				}
			}
			if status := conn.PgConn().TxStatus(); status != 'I' {
				t.Errorf("the connection is left in transaction status %c", status)
			}
		})
	}
}

// spoilFirst puts a statement before all others of the write tests, in a copy of them.
func spoilFirst(r *release.Release, s release.Statement) {
	r.Writes.Tests = slices.Clone(r.Writes.Tests)
	for i := range r.Writes.Tests {
		w := &r.Writes.Tests[i]
		w.Statements = append([]release.Statement{s}, w.Statements...)
	}
}
