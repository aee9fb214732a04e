package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

// VersionTable is golang-migrate's table of one row.
const VersionTable = "schema_migrations"

// State is where the database stands.
type State struct {
	// Schema is the one golang-migrate keeps its table in: the first of search_path
	// that exists.
	Schema string
	// Table says that schema_migrations exists.
	Table bool
	// Rows is how many rows it has; golang-migrate keeps one, or none before the
	// first migration.
	Rows int
	// Version is the row's; -1 when there is none.
	Version int64
	// Dirty is golang-migrate's mark of a file that was begun and not finished.
	Dirty bool
	// Unfinished is the file that this mark stands for when it was clipperops that
	// made it: one that cannot run in a transaction, interrupted between two of its
	// statements. It is nil for a mark golang-migrate left.
	Unfinished *Unfinished
}

// Unfinished is a file that cannot run in a transaction, of which a part is done.
type Unfinished struct {
	Version   uint64
	Direction Direction
	// From is the version the database was at before the file.
	From int64
	// Statements are the checksums of the statements that are done, by their place
	// in the file, from 0.
	Statements map[int]string
	// Started is the place of the statement that was running when the run was cut
	// off, -1 when none was; StartedSum is its checksum.
	Started    int
	StartedSum string
}

// String is the state in a few words: "version 49, dirty".
func (s State) String() string {
	switch {
	case s.Version < 0 && !s.Dirty:
		return "no version"
	case s.Dirty:
		return fmt.Sprintf("%s, dirty", versionName(s.Version))
	}
	return fmt.Sprintf("%s, clean", versionName(s.Version))
}

func versionName(v int64) string {
	if v < 0 {
		return "no version"
	}
	return fmt.Sprintf("version %d", v)
}

// ReadState asks the database where it stands. It changes nothing and blocks
// nobody.
func ReadState(ctx context.Context, conn *pgx.Conn) (State, error) {
	s := State{Version: -1}
	var schema *string
	err := conn.QueryRow(ctx, `
		SELECT current_schema()::text, EXISTS (
		    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		     WHERE n.nspname = current_schema() AND c.relname = $1 AND c.relkind IN ('r', 'p', 'v', 'f'))`,
		VersionTable).Scan(&schema, &s.Table)
	if err != nil {
		return s, fmt.Errorf("reading the schema's version: %w", pg.Cause(ctx, err))
	}
	if schema == nil {
		return s, &ops.Failure{
			What:  "no schema of the search_path exists, so there is no place for " + VersionTable,
			State: []string{"nothing was touched"},
			Next:  []string{"CREATE SCHEMA public;   or set the role's search_path to a schema that exists"},
		}
	}
	s.Schema = *schema
	if !s.Table {
		return s, nil
	}
	if err := s.readRows(ctx, conn); err != nil {
		return s, err
	}
	if s.Dirty {
		s.Unfinished, err = readUnfinished(ctx, conn, s.Version)
	}
	return s, err
}

func (s *State) readRows(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "SELECT version, dirty FROM "+s.table()+" ORDER BY version DESC")
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.table(), pg.Cause(ctx, err))
	}
	for rows.Next() {
		var version int64
		var dirty bool
		if err := rows.Scan(&version, &dirty); err != nil {
			rows.Close()
			return fmt.Errorf("reading %s: %w", s.table(), err)
		}
		if s.Rows == 0 {
			s.Version, s.Dirty = version, dirty
		}
		s.Rows++
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", s.table(), pg.Cause(ctx, err))
	}
	return nil
}

// table is the version table's name for SQL: a migration may change search_path.
func (s State) table() string { return pgx.Identifier{s.Schema, VersionTable}.Sanitize() }

// versionRowSQL replaces the version row. It deletes instead of truncating: TRUNCATE
// waits behind a running pg_dump and stops every reader of the table.
func (s State) versionRowSQL(version int64, dirty bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "DELETE FROM %s;", s.table())
	// As golang-migrate: no version, clean, is no row at all.
	if version >= 0 || dirty {
		fmt.Fprintf(&b, "INSERT INTO %s (version, dirty) VALUES (%d, %t);", s.table(), version, dirty)
	}
	return b.String()
}

// createTableSQL makes the version table as golang-migrate makes it.
func (s State) createTableSQL() string {
	return "CREATE TABLE IF NOT EXISTS " + s.table() + " (version bigint not null primary key, dirty boolean not null)"
}
