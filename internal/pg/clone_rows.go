package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
)

// copyRows copies the rows of the tables that were named, as text: the servers
// may differ in version.
func (m *making) copyRows(ctx context.Context, into config.Target) error {
	if len(m.r.Rows) == 0 {
		return nil
	}
	conn, err := Connect(ctx, into, ConnOptions{Application: m.r.Application})
	if err != nil {
		return err
	}
	defer closeQuietly(ctx, conn)
	for _, table := range m.r.Rows {
		columns, err := m.columns(ctx, table)
		if err == nil && columns != "" {
			err = copyTable(ctx, m.source.conn, conn, pgx.Identifier(table[:]).Sanitize(), columns)
		}
		if err != nil {
			return fmt.Errorf("copying the rows of %s.%s: %w", table[0], table[1], Cause(ctx, err))
		}
	}
	return nil
}

// columns are those of a table that hold what was written; empty when there is no
// such table.
func (m *making) columns(ctx context.Context, table [2]string) (string, error) {
	var columns *string
	err := m.source.conn.QueryRow(ctx, `
		SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
		  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`, table[0], table[1]).Scan(&columns)
	if err != nil || columns == nil {
		return "", err
	}
	return *columns, nil
}

// copyTable pipes the rows from one connection to another.
func copyTable(ctx context.Context, from, to *pgx.Conn, table, columns string) error {
	read, write := io.Pipe()
	copied := make(chan error, 1)
	go func() {
		_, err := from.PgConn().CopyTo(ctx, write, "COPY (SELECT "+columns+" FROM "+table+") TO STDOUT")
		_ = write.CloseWithError(err) // never fails
		copied <- err
	}()
	_, err := to.PgConn().CopyFrom(ctx, read, "COPY "+table+" ("+columns+") FROM STDIN")
	_ = read.CloseWithError(io.ErrClosedPipe) // so that the writer does not wait for a reader
	sent := <-copied
	if err != nil && strings.Contains(err.Error(), io.ErrClosedPipe.Error()) {
		err = nil
	}
	if sent != nil && errors.Is(sent, io.ErrClosedPipe) {
		sent = nil
	}
	return errors.Join(sent, err)
}
