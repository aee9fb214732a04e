package backup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pg"
)

// cleanUpTimeout bounds what is still done after a cancellation.
const cleanUpTimeout = 10 * time.Second

// source is the database being backed up: one transaction that holds the
// snapshot pg_dump reads from, and whose own view of it is counted.
type source struct {
	o      Options
	conn   *pgx.Conn
	server pg.Server
	locale pg.Locale
	// snapshot is the id pg_export_snapshot gave.
	snapshot string
	// tables are those whose rows are dumped, qualified and quoted.
	tables []string
	// estimate is how long the SQL may become; zero when it is not known.
	estimate int64
}

// openSource connects and opens the snapshot.
func openSource(ctx context.Context, o Options) (*source, error) {
	conn, err := pg.Connect(ctx, o.Target, pg.ConnOptions{Application: o.Application, LockTimeout: o.LockWait})
	if err != nil {
		return nil, err
	}
	s := &source{o: o, conn: conn}
	if err := s.begin(ctx); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

func (s *source) begin(ctx context.Context) error {
	if err := pg.RequireDirect(ctx, s.conn); err != nil {
		return err
	}
	var err error
	if s.server, err = pg.Describe(ctx, s.conn); err != nil {
		return err
	}
	if s.o.Programs.Dump.Major < s.server.Major() {
		return unusable(
			fmt.Sprintf("%s is too old for the server, which is PostgreSQL %s", s.o.Programs.Dump, s.server.Version),
			fmt.Sprintf("install the client programs of PostgreSQL %d", s.server.Major()))
	}
	if s.locale, err = pg.ReadLocale(ctx, s.conn, s.server.Major()); err != nil {
		return err
	}
	s.estimate = estimate(ctx, s.conn)
	// row_security off makes counting fail, as pg_dump does, where a policy
	// would hide rows from this role.
	for _, sql := range []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SET LOCAL row_security = off"} {
		if _, err := s.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("opening the snapshot: %w", pg.Cause(ctx, err))
		}
	}
	if err := s.conn.QueryRow(ctx, "SELECT pg_catalog.pg_export_snapshot()").Scan(&s.snapshot); err != nil {
		return fmt.Errorf("opening the snapshot: %w", pg.Cause(ctx, err))
	}
	s.tables, err = relations(ctx, s.conn)
	return err
}

// close ends the transaction and the connection, even after a cancellation.
func (s *source) close(ctx context.Context) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	_ = s.conn.Close(limited) // the transaction only read
}

// lockTables takes, without waiting, the locks pg_dump has by now. Counting
// could otherwise queue up behind an ALTER TABLE that waits for pg_dump, and
// then see the table as that left it.
func (s *source) lockTables(ctx context.Context) error {
	if len(s.tables) == 0 {
		return nil
	}
	sql := "LOCK TABLE ONLY " + strings.Join(s.tables, ", ONLY ") + " IN ACCESS SHARE MODE NOWAIT"
	if _, err := s.conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("locking the tables to count them: %w", pg.Cause(ctx, err))
	}
	return nil
}

// count returns the exact number of rows of every table.
func (s *source) count(ctx context.Context, counting func(table string)) ([]Table, error) {
	tables := []Table{}
	for _, name := range s.tables {
		counting(name)
		n, err := countRows(ctx, s.conn, name)
		if err != nil {
			return nil, err
		}
		tables = append(tables, Table{Name: name, Rows: n})
	}
	return tables, nil
}
