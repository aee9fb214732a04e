package rehearsal_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// TestInterruptEndsTheRehearsalAtOnce, in whatever statement it comes.
func TestInterruptEndsTheRehearsalAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ pair [2]string }{
		"in a transaction":      {[2]string{"CREATE TABLE a (id int);\nSELECT pg_sleep(60);", "SELECT 1;"}},
		"outside a transaction": {[2]string{"DO $$ BEGIN CREATE TABLE a (id int); COMMIT; PERFORM pg_sleep(60); END $$;", "SELECT 1;"}},
		"on the way back":       {[2]string{"CREATE TABLE a (id int);", "SELECT pg_sleep(60);"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clone := pgtest.New(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			in := forward(t, clone, chainOf(t, c.pair))
			in.Application = "clipperops interrupted"
			done := make(chan error, 1)
			go func() {
				_, err := rehearsal.Run(ctx, in)
				done <- err
			}()
			admin := pgtest.Connect(t, clone)
			pgtest.Eventually(t, func() bool {
				var asleep bool
				err := admin.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')").Scan(&asleep)
				return err == nil && asleep
			}, "the statement sleeps")
			cancel()
			started := time.Now()
			select {
			case err := <-done:
				if !errors.Is(err, context.Canceled) || ops.CodeOf(err) != ops.ExitInterrupted {
					t.Errorf("%v", err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("it goes on")
			}
			if took := time.Since(started); took > 20*time.Second {
				t.Errorf("after %s", took)
			}
			pgtest.Eventually(t, func() bool {
				var left int
				err := admin.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'clipperops%'").Scan(&left)
				return err == nil && left == 0
			}, "no session is left")
		})
	}
}

// TestLostConnectionProvesNothing: it is not the file's fault.
func TestLostConnectionProvesNothing(t *testing.T) {
	t.Parallel()
	for name, up := range map[string]string{
		"its own":     "CREATE TABLE a (id int);\nSELECT pg_terminate_backend(pg_backend_pid());",
		"everybody's": "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := forward(t, pgtest.New(t), chainOf(t, [2]string{up, "SELECT 1;"}))
			in.OwnServer = true // or it is refused; these end sessions of their own database alone
			o, err := rehearsal.Run(t.Context(), in)
			if err == nil || !strings.Contains(show(err), "the rehearsal could not be carried out") || ops.CodeOf(err) != ops.ExitFailed {
				t.Fatalf("%s", show(err))
			}
			if o == nil || len(o.Passes) != 1 || o.Passes[0].Failure != nil {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestCloneThatIsNotThere is an error of the rehearsal.
func TestCloneThatIsNotThere(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	in := forward(t, clone, chainOf(t, [2]string{"SELECT 1;", "SELECT 1;"}))
	in.Clone.Database = "nowhere_to_be_found"
	o, err := rehearsal.Run(t.Context(), in)
	if err == nil || len(o.Passes) != 0 {
		t.Errorf("%v, %+v", err, o)
	}
}

// TestCloneThatIsNotAsThePlanWants proves nothing either.
func TestCloneThatIsNotAsThePlanWants(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	in := forward(t, clone, chainOf(t, [2]string{"SELECT 1;", "SELECT 1;"}, [2]string{"SELECT 1;", "SELECT 1;"}))
	in.Plan = planned(t)(migrate.PlanUp(chainOf(t, [2]string{"SELECT 1;", "SELECT 1;"}, [2]string{"SELECT 1;", "SELECT 1;"}), at(1), 2, nil))
	_, err := rehearsal.Run(t.Context(), in)
	if err == nil || !strings.Contains(show(err), "no longer where it was") {
		t.Errorf("%s", show(err))
	}
}

// TestWhatTheServerLacksIsNotTheFilesFault: it would say nothing of the database itself.
func TestWhatTheServerLacksIsNotTheFilesFault(t *testing.T) {
	t.Parallel()
	for code, text := range map[string]string{
		"53100": "there is no room left on the disk", "53200": "000001_step.up.sql failed", "58030": "000001_step.up.sql failed",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			in := forward(t, pgtest.New(t), chainOf(t, [2]string{"DO $$ BEGIN RAISE EXCEPTION 'it said so' USING ERRCODE = '" + code + "'; END $$;", "SELECT 1;"}))
			o, err := rehearsal.Run(t.Context(), in)
			if err == nil || !strings.Contains(show(err), text) || !strings.Contains(show(err), "it said so") {
				t.Errorf("%s", show(err))
			}
			if len(o.Passes) != 1 || o.Passes[0].Failure != nil {
				t.Errorf("%+v", o.Passes)
			}
		})
	}
	o := rehearse(t, forward(t, pgtest.New(t), chainOf(t, [2]string{"SET LOCAL statement_timeout = 50; SELECT pg_sleep(60);", "SELECT 1;"})))
	if p := o.Passes[0]; p.Failure == nil {
		t.Error("a file that stops itself is not blamed")
	}
}
