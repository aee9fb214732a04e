package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/jackc/pgx/v5"
)

// indexVerb is what a statement with CONCURRENTLY does to an index.
type indexVerb string

const (
	createsIndex indexVerb = "CREATE"
	dropsIndex   indexVerb = "DROP"
	rebuilds     indexVerb = "REINDEX"
)

// indexStatement is a statement that builds or drops an index CONCURRENTLY. It
// is several transactions to the server, and one that fails in the middle leaves
// an INVALID index: it is kept up to date by every write and used by no query.
type indexStatement struct {
	verb indexVerb
	// name is "" where the server chooses it; of REINDEX it is the index's, "" for
	// those of a whole table or more.
	name Table
	// table is the one the index is on; of DROP and REINDEX INDEX it is not known.
	table Table
	// invalid are the indexes that were INVALID before the statement, once looked.
	invalid []uint32
	looked  bool
	// before is the index it names as it was then.
	before indexState
}

// concurrentIndex recognises such a statement; nil for any other.
func concurrentIndex(st sqlscan.Statement) *indexStatement {
	r := &reader{tokens: st.Tokens}
	switch {
	case r.take("CREATE"):
		r.take("UNIQUE")
		if !r.take("INDEX", "CONCURRENTLY") {
			return nil
		}
		r.take("IF", "NOT", "EXISTS")
		index := &indexStatement{verb: createsIndex}
		if !r.is("ON") {
			index.name, _ = r.name()
		}
		if r.take("ON") {
			r.take("ONLY")
			index.table, _ = r.name()
		}
		return index
	case r.take("DROP", "INDEX", "CONCURRENTLY"):
		r.take("IF", "EXISTS")
		index := &indexStatement{verb: dropsIndex}
		index.name, _ = r.name()
		return index
	case r.take("REINDEX") && cannotRunInTransaction(st) == "REINDEX CONCURRENTLY":
		r.skipParens()
		index := &indexStatement{verb: rebuilds}
		single, table := r.take("INDEX"), r.take("TABLE")
		r.take("CONCURRENTLY")
		if single {
			index.name, _ = r.name()
		} else if table {
			index.table, _ = r.name()
		}
		return index
	}
	return nil
}

func hasName(st sqlscan.Statement, name string) bool {
	for _, t := range st.Tokens {
		if t.Name() == name {
			return true
		}
	}
	return false
}

// ident is the name for to_regclass; "" stays "".
func ident(t Table) string {
	switch {
	case t.Name == "":
		return ""
	case t.Schema == "":
		return pgx.Identifier{t.Name}.Sanitize()
	}
	return pgx.Identifier{t.Schema, t.Name}.Sanitize()
}

// lookAround remembers how things were before the statement ran.
func (w *stepwise) lookAround(ctx context.Context, index *indexStatement) error {
	rows, err := w.conn.Query(ctx, "SELECT indexrelid FROM pg_catalog.pg_index WHERE NOT indisvalid")
	if err != nil {
		return err
	}
	index.invalid, err = pgx.CollectRows(rows, pgx.RowTo[uint32])
	if err == nil && index.name.Name != "" {
		index.before, err = w.find(ctx, index)
	}
	index.looked = err == nil
	return err
}

// indexState says whether the index a statement names is there.
type indexState struct {
	oid    uint32
	there  bool
	valid  bool
	name   string // for SQL
	byWhom int    // the process that is building it now, zero for none
}

// find looks for the index the statement names. A new index is in its table's
// schema; any other is where its name leads.
const findIndexSQL = `
SELECT i.indexrelid, i.indisvalid, pg_catalog.format('%I.%I', n.nspname, c.relname), coalesce(p.pid, 0)
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.index_relid = i.indexrelid AND p.pid <> pg_catalog.pg_backend_pid()
 WHERE CASE WHEN $1 = '' THEN i.indexrelid = to_regclass($2)
            ELSE i.indrelid = to_regclass($1) AND c.relname = $3 END`

func (w *stepwise) find(ctx context.Context, index *indexStatement) (indexState, error) {
	s := indexState{there: true}
	table := ident(index.table)
	if index.verb != createsIndex {
		table = ""
	}
	err := w.conn.QueryRow(ctx, findIndexSQL, table, ident(index.name), index.name.Name).Scan(&s.oid, &s.valid, &s.name, &s.byWhom)
	if errors.Is(err, pgx.ErrNoRows) {
		return indexState{}, nil
	}
	return s, err
}

// leftSQL finds the INVALID indexes a failed statement left: those that were not
// there before, that it names or whose table it names, and that nobody is building.
const leftSQL = `
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisvalid AND i.indexrelid <> ALL ($1::oid[])
   AND ($2 = '' OR i.indrelid = to_regclass($2))
   AND (CASE WHEN $4 THEN c.relname ~ '_ccnew[0-9]*$' AND ($3 = '' OR c.relname LIKE $3 || '\_ccnew%') ELSE $3 = '' OR c.relname = $3 END)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p
                    WHERE p.index_relid = i.indexrelid AND p.pid <> pg_catalog.pg_backend_pid())`

// sweep drops the INVALID index that a failed statement left, and says so. What
// DROP left is not touched: dropping it again is what the statement does.
func (w *stepwise) sweep(ctx context.Context, index *indexStatement) error {
	if index == nil || index.verb == dropsIndex {
		return nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	invalid := index.invalid
	if invalid == nil {
		invalid = []uint32{}
	}
	rows, err := w.conn.Query(limited, leftSQL, invalid, ident(index.table), index.name.Name, index.verb == rebuilds)
	if err != nil {
		return err
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := w.dropInvalid(limited, name); err != nil {
			return err
		}
	}
	return nil
}

// leftoverError is an INVALID index that could not be dropped.
type leftoverError struct {
	index string
	err   error
}

func (e *leftoverError) Error() string {
	return fmt.Sprintf("the INVALID index %s is left, and could not be dropped: %v", e.index, e.err)
}

func (e *leftoverError) Unwrap() error { return e.err }

// dropInvalid drops an index without stopping anybody: CONCURRENTLY waits for
// transactions that use the table, and lets others pass while it does.
func (w *stepwise) dropInvalid(ctx context.Context, name string) error {
	again, err := w.timeoutsNow(ctx)
	if err == nil {
		_, err = simple(ctx, w.conn, w.timeouts(cleanUp/2))
	}
	if err == nil {
		_, err = simple(ctx, w.conn, "DROP INDEX CONCURRENTLY IF EXISTS "+name)
		if _, failed := simple(ctx, w.conn, again); err == nil {
			err = failed
		}
	}
	if err != nil {
		return &leftoverError{index: name, err: err}
	}
	w.dropped = append(w.dropped, name)
	w.note(w.file, fmt.Sprintf("the INVALID index %s that was left behind is dropped", name))
	return nil
}

// timeoutsNow is the SQL that sets the timeouts to what they are.
func (w *stepwise) timeoutsNow(ctx context.Context) (string, error) {
	a, err := simple(ctx, w.conn, "SELECT pg_catalog.current_setting('lock_timeout'), pg_catalog.current_setting('statement_timeout')", 0)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("SET lock_timeout = '%s';SET statement_timeout = '%s'", a.rows[0][0][0], a.rows[0][0][1]), nil
}

// buildPoll is how often an index that another session builds is looked at.
const buildPoll = 200 * time.Millisecond
