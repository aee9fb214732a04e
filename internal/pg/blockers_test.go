package pg_test

import (
	"context"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestBlockersNamesWhoHoldsWhatWeWaitFor(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, "CREATE TABLE clips (id int)")
	blocker := connect(t, target, pg.ConnOptions{Application: "metabase"})
	waiter := connect(t, target, pg.ConnOptions{Application: "clipperops"})
	watch := pgtest.Connect(t, target)

	if _, err := blocker.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := blocker.Exec(t.Context(), "SELECT count(*) FROM clips"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = waiter.Exec(ctx, "ALTER TABLE clips ADD note text") // cancelled below
	}()
	var found []pg.Holder
	eventually(t, "the blocker is named", func() bool {
		var err error
		if found, err = pg.Blockers(t.Context(), watch, waiter.PgConn().PID()); err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	})
	cancel()
	<-done

	h := found[0]
	if len(found) != 1 || h.PID != int(blocker.PgConn().PID()) || h.Application != "metabase" || h.User != target.User || h.Database != target.Database {
		t.Errorf("blockers %+v, want metabase alone", found)
	}
	if h.State != "idle in transaction" || h.Since.IsZero() || h.Transaction.IsZero() || !strings.Contains(h.Query, "count(*)") {
		t.Errorf("state %q since %s, transaction %s, query %q", h.State, h.Since, h.Transaction, h.Query)
	}
	if want := "ACCESS SHARE on public.clips"; h.What != want {
		t.Errorf("holds %q, want %q", h.What, want)
	}
	if s := h.String(); !strings.Contains(s, "app metabase") || !strings.Contains(s, "idle in transaction  since ") {
		t.Errorf("in one line: %q", s)
	}
}

func TestASessionThatDoesNotWaitHasNoBlockers(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.New(t), pg.ConnOptions{})
	found, err := pg.Blockers(t.Context(), conn, conn.PgConn().PID())
	if err != nil || len(found) != 0 {
		t.Errorf("blockers %v, error %v", found, err)
	}
}

func TestAPreparedTransactionCanBeTheBlocker(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	gid := target.Database
	pgtest.Exec(t, target, "CREATE TABLE clips (id int)")
	holder := connect(t, target, pg.ConnOptions{})
	for _, sql := range []string{"BEGIN", "LOCK TABLE clips", "PREPARE TRANSACTION '" + gid + "'"} {
		if _, err := holder.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_, err := holder.Exec(context.WithoutCancel(t.Context()), "ROLLBACK PREPARED '"+gid+"'")
		if err != nil {
			t.Error(err)
		}
		_ = holder.Close(context.WithoutCancel(t.Context()))
	})
	waiter := connect(t, target, pg.ConnOptions{})
	watch := pgtest.Connect(t, target)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = waiter.Exec(ctx, "SELECT FROM clips") // cancelled below
	}()
	defer func() { cancel(); <-done }()
	eventually(t, "the prepared transaction is named", func() bool {
		found, err := pg.Blockers(t.Context(), watch, waiter.PgConn().PID())
		if err != nil {
			t.Fatal(err)
		}
		return len(found) == 1 && strings.Contains(found[0].String(), "a prepared transaction")
	})
}
