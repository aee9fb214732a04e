package pgtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
)

// Held is a transaction that stays open, idle, with a lock on a table.
type Held struct {
	// PID of the server process behind it.
	PID     uint32
	release func()
}

// Release ends the transaction. It may be called more than once.
func (h *Held) Release() { h.release() }

// HoldTable opens a transaction that locks a table and sits there, as forgotten
// sessions do, until Release or the end of the test. mode is a lock mode such as
// "ACCESS SHARE" or "ROW EXCLUSIVE".
func HoldTable(t testing.TB, target config.Target, table, mode string) *Held {
	t.Helper()
	return Hold(t, target, fmt.Sprintf("LOCK TABLE %s IN %s MODE", table, mode))
}

// Hold opens a transaction, runs the statement in it and leaves it open and
// idle until Release or the end of the test.
func Hold(t testing.TB, target config.Target, statement string, args ...any) *Held {
	t.Helper()
	conn, err := dialAs(t.Context(), target, "pgtest holder")
	if err != nil {
		t.Fatalf("connecting to %s: %v", target, err)
	}
	release := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, _ = conn.Exec(ctx, "ROLLBACK") // somebody may have terminated it: that is a release too
		_ = conn.Close(ctx)
	})
	t.Cleanup(release)
	if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%v\n    in: %s", err, statement)
	}
	return &Held{PID: conn.PgConn().PID(), release: release}
}
