package sandbox

import (
	"context"
	"fmt"
	"sync"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// DefaultUsers is how many users a sandbox has unless told otherwise.
const DefaultUsers = 1000

// seedValue makes every seeded database of one size the same.
const seedValue = 0x636c6970706572 // "clipper"

// Seed fills a Clipper at version 10 with that many users and the clips,
// comments and submissions that belong to them, through COPY and in constant
// memory. The same number of users always gives the same rows. progress counts
// rows over all tables; it may be nil and is called from one goroutine at a time.
func Seed(ctx context.Context, target config.Target, users int, progress func(ops.Progress)) error {
	if users <= 0 {
		return nil
	}
	c := newCommunity(seedValue, users)
	m := &meter{total: c.rows(), report: progress}
	// Each stage refers to rows of the one before; within a stage the tables are
	// independent and are copied side by side.
	for _, stage := range [][]seedTable{
		{c.usersTable(), c.clipsTable()},
		{c.commentsTable(), c.submissionsTable()},
	} {
		group, within := errgroup.WithContext(ctx)
		for _, table := range stage {
			group.Go(func() error { return table.copyTo(within, target, m) })
		}
		if err := group.Wait(); err != nil {
			if ctx.Err() != nil { // the connection's last words are many, and say less
				return fmt.Errorf("interrupted while filling the tables: %w", ctx.Err())
			}
			return err
		}
	}
	return analyze(ctx, target)
}

// seedTable is a table with a way to produce its rows, one after the other.
type seedTable struct {
	name    string
	columns []string
	// next fills row and returns it, or nil after the last.
	next func() []any
}

// copyTo streams the rows over a connection of its own.
func (s seedTable) copyTo(ctx context.Context, target config.Target, m *meter) error {
	conn, err := connect(ctx, target)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the copy's own error counts
	if err := spareChecks(ctx, conn); err != nil {
		return err
	}
	passed := 0
	source := pgx.CopyFromFunc(func() ([]any, error) {
		row := s.next()
		if row == nil || passed == meterStep {
			m.add(s.name, passed)
			passed = 0
		}
		passed++
		return row, nil
	})
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{s.name}, s.columns, source); err != nil {
		return fmt.Errorf("filling %s: %w", s.name, err)
	}
	return nil
}

// spareChecks keeps a superuser's session from checking every foreign key, which
// takes longer than all the rest and, at the end of a COPY, shows no progress.
// That they hold is proven by a test.
func spareChecks(ctx context.Context, conn *pgx.Conn) error {
	if conn.PgConn().ParameterStatus("is_superuser") != "on" {
		return nil
	}
	_, err := conn.Exec(ctx, "SET session_replication_role = replica")
	return err
}

// analyze gives the planner its statistics, which a COPY does not.
func analyze(ctx context.Context, target config.Target) error {
	conn, err := connect(ctx, target)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing depends on it
	if _, err := conn.Exec(ctx, "ANALYZE users, clips, comments, clip_submissions"); err != nil {
		return fmt.Errorf("ANALYZE: %w", err)
	}
	return nil
}

// meterStep is how many rows pass between two reports of progress.
const meterStep = 5000

// meter adds up the rows of tables that are filled side by side.
type meter struct {
	mu     sync.Mutex
	done   int64
	total  int64
	report func(ops.Progress)
}

func (m *meter) add(table string, rows int) {
	if m.report == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += int64(rows)
	m.report(ops.Progress{Label: "rows", Done: m.done, Total: m.total, Unit: ops.UnitRows, Detail: table})
}
