package migrate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// TestConnectionCutAtEveryRoundTrip breaks the engine's connection at each of its
// messages, once before the server gets it and once before the answer arrives. What
// Apply says must be what the database says, and the next run goes on from there.
func TestConnectionCutAtEveryRoundTrip(t *testing.T) {
	t.Parallel()
	src := source(t, map[string]string{
		"000001_a": "CREATE TABLE a (id int);",
		"000002_b": "CREATE INDEX CONCURRENTLY a_id ON a (id);",
	})
	for _, answered := range []bool{false, true} {
		t.Run(fmt.Sprint("answered ", answered), func(t *testing.T) {
			t.Parallel()
			target := pgtest.New(t)
			conn := pgtest.Connect(t, target)
			l, err := ledger.Open(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			c := cutting{target: target, conn: conn, src: src, answered: answered}
			c.o.Ledger = migrate.RecordIn(l, "run")
			came := true
			for cut := 1; came; cut++ {
				t.Run(fmt.Sprint("cut ", cut), func(t *testing.T) { came = c.at(t, cut) && cut < 200 })
			}
		})
	}
}

// cutting is one database, used again for every cut: that is what makes it quick.
type cutting struct {
	target   config.Target
	conn     *pgx.Conn
	src      *migrate.Source
	o        migrate.ApplyOptions
	answered bool
}

// at is false when the run was over before the cut came.
func (c cutting) at(t *testing.T, cut int) bool {
	if _, err := c.conn.Exec(t.Context(), `DROP TABLE IF EXISTS a, schema_migrations; TRUNCATE clipperops.files, clipperops.statements`); err != nil {
		t.Fatal(err)
	}
	p, err := migrate.PlanUp(c.src, clean(-1), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	through, cutter := behindCutter(t, c.target, cut, c.answered)
	applied, err := migrate.Apply(t.Context(), through, p, noBackup, noRehearsal, c.o)
	if !cutter.cutIt() {
		must(t)(applied, err)
		return false
	}
	s := stateOver(t, c.conn)
	tellsTheTruth(t, s, applied, err)
	if s.Dirty && s.Unfinished == nil {
		t.Error("dirty, and the ledger does not know why")
	}
	p, err = migrate.PlanUp(c.src, s, 2, nil)
	if err != nil {
		t.Fatal(show(err))
	}
	must(t)(migrate.Apply(t.Context(), c.target, p, noBackup, noRehearsal, c.o))
	got := struct {
		Version, Files, Invalid int
		Dirty, Index            bool
	}{}
	err = c.conn.QueryRow(t.Context(), `SELECT version, dirty, (SELECT count(DISTINCT version) FROM clipperops.files),
		(SELECT count(*) FROM pg_index WHERE NOT indisvalid), to_regclass('a_id') IS NOT NULL FROM schema_migrations`).
		Scan(&got.Version, &got.Dirty, &got.Files, &got.Invalid, &got.Index)
	if err != nil || got.Version != 2 || got.Dirty || got.Files != 2 || got.Invalid != 0 || !got.Index {
		t.Errorf("after the next run: %+v, %v", got, err)
	}
	return true
}

// tellsTheTruth compares what Apply returned with the database.
func tellsTheTruth(t *testing.T, s migrate.State, applied *migrate.Applied, err error) {
	t.Helper()
	if err == nil && (s.Version != 2 || s.Dirty) {
		t.Errorf("success, and the database is at %s", s)
	}
	if applied.State.Schema != "" && (applied.State.Version != s.Version || applied.State.Dirty != s.Dirty) {
		t.Errorf("said to be at %s, is at %s", applied.State, s)
	}
	complete := s.Version
	if s.Dirty {
		complete--
	}
	if int64(len(applied.Files)) != max(complete, 0) {
		t.Errorf("%d files are said to be applied, the database is at %s", len(applied.Files), s)
	}
	if text := show(err); err != nil && applied.State.Schema != "" && !strings.Contains(text, "the database is at "+s.String()) {
		t.Errorf("the database is at %s, and the failure says\n%s", s, text)
	}
}

// TestBackendKilledInTheMiddleOfAFile: an administrator, or the out-of-memory killer.
func TestBackendKilledInTheMiddleOfAFile(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "CREATE TABLE b (id int); SELECT pg_sleep(60);"})
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		pgtest.Eventually(t, func() bool {
			return pgtest.QueryValue[int](t, target, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event = 'PgSleep'`) > 0
		}, "the file sleeps")
	}()
	_, err := up(t, target, src, 2, migrate.ApplyOptions{})
	<-killed
	failure(t, err, ops.ExitFailed, "000002_b.up.sql failed; nothing of it was applied", "57P01", "the database is at version 1, clean; 000001 was applied in this run", "run the same command again")
	exists(t, target, false, "b")
}

func TestServerRestartedInTheMiddleOfAFile(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]bool{"restarted": false, "crashed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.StartServer(t, map[string]string{"synchronous_commit": "on"})
			target := server.Target("postgres")
			src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "CREATE TABLE b (id int); SELECT pg_sleep(60);"})
			over := make(chan error, 1)
			go func() {
				pgtest.Eventually(t, func() bool {
					return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')")
				}, "the file sleeps")
				if crash {
					server.Kill()
					over <- server.Resume(context.WithoutCancel(t.Context()))
					return
				}
				over <- server.Restart(context.WithoutCancel(t.Context()))
			}()
			_, err := up(t, target, src, 2, migrate.ApplyOptions{})
			if err := <-over; err != nil {
				t.Fatal(err)
			}
			failure(t, err, ops.ExitFailed, "000002_b.up.sql failed; nothing of it was applied", "the database is at version 1, clean; 000001 was applied in this run")
			exists(t, target, false, "b")
			must(t)(up(t, target, source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "CREATE TABLE b (id int);"}), 2, migrate.ApplyOptions{}))
		})
	}
}

func TestServerThatDoesNotComeBackIsSaidSo(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	target := server.Target("postgres")
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "CREATE TABLE b (id int); SELECT pg_sleep(60);"})
	go func() {
		pgtest.Eventually(t, func() bool {
			return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')")
		}, "the file sleeps")
		server.Kill()
	}()
	applied, err := up(t, target, src, 2, migrate.ApplyOptions{ReconnectFor: 300 * time.Millisecond})
	failure(t, err, ops.ExitFailed, "what became of it could not be found out", "where the database stands could not be read",
		"it was at version 1, clean before this file; 000001 was applied in this run", "clipperops migrate status")
	if len(applied.Files) != 1 {
		t.Errorf("%+v", applied)
	}
}

func TestInterruptedInTheMiddleOfAFile(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "CREATE TABLE b (id int); SELECT pg_sleep(60);"})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		pgtest.Eventually(t, func() bool {
			return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')")
		}, "the file sleeps")
		cancel()
	}()
	started := time.Now()
	_, err := upWith(ctx, t, target, src, 2, migrate.ApplyOptions{})
	failure(t, err, ops.ExitInterrupted, "interrupted in 000002_b.up.sql; nothing of it was applied",
		"the database is at version 1, clean; 000001 was applied in this run", "it goes on from there")
	if took := time.Since(started); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	exists(t, target, false, "b")
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'clipperops migrate'"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestInterruptedBetweenFilesAndWhileGivingWay(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]migrate.EventKind{"between": migrate.FileDone, "giving way": migrate.Retrying} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := pgtest.New(t)
			pgtest.Exec(t, target, "CREATE TABLE users (id int)")
			pgtest.HoldTable(t, target, "users", "ACCESS SHARE")
			src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "ALTER TABLE users ADD b int;"})
			ctx, cancel := context.WithCancel(t.Context())
			var seen events
			seen.on = func(e migrate.Event) {
				if e.Kind == kind {
					cancel()
				}
			}
			applied, err := upWith(ctx, t, target, src, 2, quick(migrate.ApplyOptions{OnEvent: seen.take}))
			failure(t, err, ops.ExitInterrupted, "interrupted", "the database is at version 1, clean")
			if len(applied.Files) != 1 {
				t.Errorf("%+v", applied.Files)
			}
		})
	}
}
