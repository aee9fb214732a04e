package rehearsal

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// meter measures the files of one pass. Its methods are called by the engine, one
// after the other.
type meter struct {
	rehearsal *rehearsal
	// base is what there was before the pass.
	base catalog
	// now is what there is after the last statement that was measured.
	now     catalog
	sampler sampler
	// byFile looks at a file only when its last statement is done.
	byFile bool
	// counts are the session's counters when they were last read.
	counts map[uint32]counts

	work *underway
}

// underway is the file at work.
type underway struct {
	file File
	// before is what there was before the file.
	before catalog
	// wal is how much write-ahead log there was when it was last asked for.
	wal int64
	// took is the time of the statements until now, without that of measuring.
	took time.Duration
	// held are the locks the transaction has, by relation.
	held map[uint32]*Lock
	// order is that in which relations were locked.
	order []uint32
	// looked is the time of measuring, unseen the place of the first statement that was
	// not measured since the last that was, -1 for none.
	looked time.Duration
	unseen int
	// made are the tables that the file made, by their bare names.
	made []string
	// ended is when the last statement had been measured.
	ended time.Time
	// apart says that the file runs outside a transaction; guard then stands in the way
	// of a statement.
	apart bool
	guard *guard
	// empty are the tables without storage, behind a statement that does not say what it did.
	empty map[uint32]bool
	// forgets says that the file may throw prepared statements away.
	forgets bool
}

func (r *rehearsal) newMeter(ctx context.Context, plan *migrate.Plan) (*meter, error) {
	all, _, err := readCatalog(ctx, r.look)
	if err != nil {
		return nil, notCarriedOut(ctx, "the clone's catalogs cannot be read", err)
	}
	if takesRows(plan) {
		if err := all.countRows(ctx, r.look, r.version); err != nil {
			return nil, notCarriedOut(ctx, "the clone's rows cannot be counted", err)
		}
	}
	return &meter{rehearsal: r, base: all, now: all.clone(), counts: map[uint32]counts{}}, nil
}

// begin is called when a file begins, and again when it is tried again.
func (m *meter) begin(f migrate.File) {
	if m.work != nil {
		if len(m.work.file.Statements) == 0 && m.work.file.FileName == f.FileName {
			return
		}
		m.now = m.work.before // what it did until now was rolled back
	}
	m.work = &underway{
		file: File{File: f}, before: m.now.clone(), held: map[uint32]*Lock{},
		unseen: -1, forgets: forgets(f.Body),
	}
}

// before is the engine's hook inside the file's transaction.
func (m *meter) before(ctx context.Context, conn *pgx.Conn, f migrate.File) error {
	m.begin(f)
	if m.sampler.prepared != conn { // a new session counts from the beginning
		m.counts = map[uint32]counts{}
	}
	var oids []string
	for oid, c := range m.counts {
		if c != (counts{}) {
			oids = append(oids, strconv.FormatUint(uint64(oid), 10))
		}
	}
	wal, before, err := m.sampler.begin(ctx, conn, oids, m.work.forgets)
	if err != nil {
		return &brokenError{err}
	}
	m.work.wal, m.counts = wal, before
	return nil
}

// after is the engine's hook after each statement.
func (m *meter) after(ctx context.Context, conn *pgx.Conn, f migrate.File, i int, took time.Duration) error {
	w, st := m.work, f.Statements[i]
	s := Statement{Index: i, Line: st.Line, Text: st.Command, Took: took}
	ended := time.Now()
	defer func() { w.ended = time.Now() }()
	switch {
	case conn.PgConn().TxStatus() != 'T':
		if err := m.outside(ctx, st, &s); err != nil {
			return err
		}
	case i < len(f.Statements)-1 && (st.Begins("SET") || st.Begins("RESET")): // nothing to see
	case i < len(f.Statements)-1 && (m.byFile || m.quiet(st) || w.looked > max(m.rehearsal.dear, w.took)):
		if w.unseen < 0 {
			w.unseen = i
		}
	default:
		if err := m.look(ctx, conn, f, &s); err != nil {
			return err
		}
		w.looked += time.Since(ended)
		w.unseen = -1
	}
	w.took += s.Took
	w.file.WAL += s.WAL
	w.file.Statements = append(w.file.Statements, s)
	return nil
}

// look measures a statement inside its transaction, and those before it that were not.
func (m *meter) look(ctx context.Context, conn *pgx.Conn, f migrate.File, s *Statement) error {
	st := f.Statements[s.Index]
	now, err := m.sampler.take(ctx, conn, m.work.forgets)
	if err != nil {
		return &brokenError{err}
	}
	if err := m.rehearsal.staysInside(f, st, now.shared); err != nil {
		return err
	}
	if opaque(st) {
		if m.work.empty, err = m.withoutRows(ctx, conn, now.changed); err != nil {
			return &brokenError{err}
		}
	}
	grown := m.work.file.Grown
	m.inside(st, now, s)
	s.Grown = m.work.file.Grown - grown
	for _, r := range s.Made {
		if r.Kind == "table" || r.Kind == "partitioned table" {
			m.work.made = append(m.work.made, r.Name)
		}
	}
	return nil
}

// withoutRows finds those of the tables that had rows and have no storage left.
func (m *meter) withoutRows(ctx context.Context, conn *pgx.Conn, changed []entry) (map[uint32]bool, error) {
	var oids []string
	for _, e := range changed {
		if old := m.now[e.OID]; old.rows > 0 && old.node != e.node {
			oids = append(oids, strconv.FormatUint(uint64(e.OID), 10))
		}
	}
	if len(oids) == 0 {
		return nil, nil
	}
	results, err := conn.PgConn().Exec(ctx, "SELECT o::bigint FROM pg_catalog.unnest('{"+strings.Join(oids, ",")+
		"}'::oid[]) o WHERE pg_catalog.pg_relation_size(o) = 0").ReadAll()
	if err != nil {
		return nil, err
	}
	empty := map[uint32]bool{}
	for _, row := range results[0].Rows {
		empty[uint32(integer(row[0]))] = true
	}
	return empty, nil
}

// done is called when the file is committed.
func (m *meter) done() File {
	w := m.work
	m.work = nil
	if !w.ended.IsZero() {
		w.took += time.Since(w.ended) // the commit
	}
	w.file.Took = w.took
	for _, oid := range w.order {
		w.untilCommit(w.held[oid])
		w.file.Locks = append(w.file.Locks, *w.held[oid])
	}
	for i := range w.file.Statements {
		for j := range w.file.Statements[i].Locks {
			w.untilCommit(&w.file.Statements[i].Locks[j])
		}
	}
	return w.file
}

// untilCommit says how long a lock was held that a transaction took.
func (w *underway) untilCommit(l *Lock) {
	if !w.apart {
		l.Held = w.took - w.startOf(l.Statement)
	}
}

// startOf is how much of the file's time had passed when the statement began.
func (w *underway) startOf(statement int) time.Duration {
	var passed time.Duration
	for _, s := range w.file.Statements {
		if s.Index < statement {
			passed += s.Took
		}
	}
	return passed
}

// tooDear is how long a file may be measured before that must not take longer than its
// statements do: the more it made and locked, the longer each look takes. What is not
// looked at is told of the next statement that is, and its locks as if the first of them
// had taken them.
const tooDear = 3 * time.Second

// brokenError is the measuring that failed, not the file.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return "measuring: " + e.err.Error() }

func (e *brokenError) Unwrap() error { return e.err }

// forgets reports whether code throws prepared statements away.
func forgets(body string) bool {
	upper := strings.ToUpper(body)
	return strings.Contains(upper, "DEALLOCATE") || strings.Contains(upper, "DISCARD")
}

// opaque reports whether what a statement does cannot be told from its first words.
func opaque(st sqlscan.Statement) bool {
	return len(st.Words) == 0 || slices.Contains([]string{"DO", "CALL", "SELECT", "WITH", "EXECUTE", "VALUES"}, st.Words[0])
}
