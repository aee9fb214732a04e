package pg_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestClonesAreMadeSideBySide(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	var wg sync.WaitGroup
	for range 3 {
		r := cloneRequest(t, source)
		wg.Go(func() {
			c, err := pg.SameServer(source).Clone(t.Context(), r)
			if err != nil {
				t.Error(explainFailure(err))
				return
			}
			if err := c.Drop(t.Context()); err != nil {
				t.Error(explainFailure(err))
			}
			if databaseExists(t, c.Name) {
				t.Errorf("%s is left", c.Name)
			}
		})
	}
	wg.Wait()
}

func TestASecondCloneOfTheSameNameIsBusy(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	r := cloneRequest(t, source)
	c := makeClone(t, pg.SameServer(source), r)
	_, err := pg.SameServer(source).Clone(t.Context(), r)
	if f := ops.AsFailure(err); err == nil || f.Code != ops.ExitBusy {
		t.Errorf("error %v", err)
	}
	if !databaseExists(t, c.Name) {
		t.Error("the first clone was dropped")
	}
}

func TestACloneIsDroppedWhateverHappened(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	for what, before := range map[string]func(t *testing.T, c *pg.Clone, cancel func()){
		"a cancelled context": func(_ *testing.T, _ *pg.Clone, cancel func()) { cancel() },
		"sessions in it": func(t *testing.T, c *pg.Clone, _ func()) {
			pgtest.Hold(t, c.Target, "CREATE TABLE t (n int)")
		},
		"the lock's connection lost": func(t *testing.T, c *pg.Clone, _ func()) {
			pgtest.Exec(t, source, "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND a.application_name = 'holds '||$1", c.Name)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := cloneRequest(t, source)
			r.Application = "holds " + pg.ScratchName(r.Run)
			c, err := pg.SameServer(source).Clone(ctx, r)
			if err != nil {
				t.Fatal(explainFailure(err))
			}
			before(t, c, cancel)
			for range 2 {
				if err := c.Drop(ctx); err != nil {
					t.Fatal(explainFailure(err))
				}
			}
			if databaseExists(t, c.Name) {
				t.Error("it is still there")
			}
		})
	}
}

func TestAnInterruptedCloneLeavesNothing(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := cloneRequest(t, source)
	r.Fill = func(ctx context.Context, into config.Target, _ pg.Programs) error {
		if !databaseExists(t, into.Database) {
			t.Error("there is nothing to fill")
		}
		cancel()
		<-ctx.Done()
		return fmt.Errorf("filling: %w", ctx.Err())
	}
	_, err := pg.SameServer(source).Clone(ctx, r)
	if f := ops.AsFailure(err); err == nil || f.Code != ops.ExitInterrupted || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if databaseExists(t, pg.ScratchName(r.Run)) {
		t.Error("a scratch database is left")
	}
}

func TestACloneThatIsFilledIsEmptyAtFirst(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithClipper())
	r := cloneRequest(t, source)
	r.Fill = func(ctx context.Context, into config.Target, _ pg.Programs) error {
		conn, err := pg.Connect(ctx, into, pg.ConnOptions{})
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		empty, err := pg.IsEmpty(ctx, conn)
		if !empty {
			t.Error("it is not empty")
		}
		_, made := conn.Exec(ctx, "CREATE TABLE filled (n int)")
		return errors.Join(err, made)
	}
	c := makeClone(t, pg.SameServer(source), r)
	if n := pgtest.QueryValue[int](t, c.Target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 1 {
		t.Errorf("%d tables in the clone", n)
	}
}
