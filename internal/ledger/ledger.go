// Package ledger keeps, in schema clipperops of the target database, who did
// what, when, from where and with what outcome: runs, the migration files they
// applied, and the statements of files that cannot run in a transaction.
//
// The ledger never stands in the way. Open says in a typed error why it cannot
// be written, and the command goes on without it; what is recorded inside a
// migration's transaction cannot fail the migration; nothing outside schema
// clipperops refers to it, so that a rollback neither needs nor touches it.
package ledger

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Executor runs SQL: a *pgx.Conn, a pgx.Tx or anything like them.
type Executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Ledger writes the record. It is made by Open and is safe for concurrent use;
// its connection is not: while a run is recorded it should be the ledger's alone,
// because the session's end is what tells a killed run.
type Ledger struct {
	mu    sync.Mutex
	conn  *pgx.Conn
	clean cleaner
}

// Open readies the ledger on conn: it creates schema clipperops on first use and
// brings it to the version this program knows. Any error is an
// *UnavailableError; the caller continues without a ledger and says so.
//
// The connection must be outside a transaction, and is not closed.
func Open(ctx context.Context, conn *pgx.Conn) (*Ledger, error) {
	files, err := embeddedSchema()
	if err != nil {
		return nil, unavailable(err)
	}
	s, err := open(ctx, conn, files)
	if err != nil {
		return nil, unavailable(err)
	}
	cfg := conn.Config()
	return &Ledger{
		conn:  conn,
		clean: newCleaner(cfg.Password, []string{cfg.User, cfg.Database, cfg.Host}, s.ascii),
	}, nil
}

func open(ctx context.Context, conn *pgx.Conn, files []schemaFile) (site, error) {
	s, err := survey(ctx, conn)
	if err != nil {
		return s, err
	}
	if err := s.writable(); err != nil {
		return s, err
	}
	if err := bring(ctx, conn, s, files); err != nil {
		return s, err
	}
	return s, permitted(ctx, conn, s)
}
