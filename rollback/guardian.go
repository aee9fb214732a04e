package rollback

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
)

// guardian stands in every file's transaction: before the file it saves what came late,
// after it, before the commit, it compares what is gone with what was saved.
type guardian struct {
	archive ArchiveRef
	o       ApplyOptions

	// references are when each table's rows were last saved.
	references map[uint32]reference
	// made are tables, and columns of tables, that files of this plan made: what they hold
	// comes from what is saved. A column number of 0 is the whole table.
	made map[columnOf]bool
	late []ArchiveRef
	// now is the file at work. Only when the next one begins is it known to be committed: a
	// file that had to give way begins again.
	now *watched
}

// columnOf is a column by the number it keeps when it is renamed.
type columnOf struct {
	table  uint32
	column int16
}

// watched is what is known of the file at work.
type watched struct {
	file   migrate.File
	before inventory
	// tables are those of the file that are locked and were compared with their reference.
	tables map[uint32]SavedTable
	// altered are those whose definition the file changes by its own words.
	altered    map[uint32]bool
	late       *ArchiveRef
	references map[uint32]reference
	made       []columnOf
}

func newGuardian(a ArchiveRef, o ApplyOptions) *guardian {
	g := &guardian{archive: a, o: o, references: map[uint32]reference{}, made: map[columnOf]bool{}}
	for _, t := range a.Manifest.Tables {
		g.references[t.OID] = reference{horizon: a.Manifest.Horizon, rows: t.Rows}
	}
	return g
}

// before locks what the file takes away, and saves what was written there since it was
// archived. Until the commit nobody writes there any more.
func (g *guardian) before(ctx context.Context, conn *pgx.Conn, f migrate.File) error {
	if g.now != nil && g.now.file.Version != f.Version {
		g.settle()
	}
	w := &watched{file: f, tables: map[uint32]SavedTable{}, altered: map[uint32]bool{}, references: map[uint32]reference{}}
	g.now = w
	if f.Transactional {
		if err := g.protect(ctx, conn, w); err != nil {
			return err
		}
	}
	var err error
	w.before, err = takeInventory(ctx, conn)
	return err
}

// settle takes over what the file at work did: it is committed.
func (g *guardian) settle() {
	maps.Copy(g.references, g.now.references)
	for _, c := range g.now.made {
		g.made[c] = true
	}
	if g.now.late != nil {
		g.late = append(g.late, *g.now.late)
	}
	g.now = nil
}

func (g *guardian) protect(ctx context.Context, conn *pgx.Conn, w *watched) error {
	var isolation string
	if err := conn.QueryRow(ctx, "SHOW transaction_isolation").Scan(&isolation); err != nil {
		return err
	}
	if isolation != "read committed" {
		// The transaction's snapshot would be older than the locks, and late rows not seen.
		return &ops.Failure{
			Code: ops.ExitRefused, What: "the transaction is " + isolation + ": rows that came late would not be seen",
			Next: []string{"take the isolation level out of the file, or reset the role's default_transaction_isolation"},
		}
	}
	doomed, err := findDoomed(ctx, conn, []migrate.File{w.file}, g.o.Also)
	if err != nil {
		return err
	}
	for _, d := range doomed {
		w.altered[d.OID] = true
	}
	doomed = slices.DeleteFunc(doomed, func(d doomedTable) bool { return !d.lossy() })
	if err := lock(ctx, conn, doomed); err != nil {
		return err
	}
	var tables []SavedTable
	for _, d := range doomed {
		if _, ok := g.archive.Manifest.Table(d.OID); !ok {
			continue // made by this plan, or the guard will say that it is not saved
		}
		t, err := describe(ctx, conn, d)
		if err != nil {
			return err
		}
		tables = append(tables, t)
		w.tables[t.OID] = t
	}
	w.late, err = g.saveLate(ctx, conn, w.file, tables)
	if err == nil && w.late != nil && g.o.OnLate != nil {
		g.o.OnLate(*w.late)
	}
	return err
}

// lock keeps everyone from tables that are dropped or lose columns, and writers from those
// whose rows the file changes.
func lock(ctx context.Context, conn *pgx.Conn, doomed []doomedTable) error {
	var exclusive, writers []doomedTable
	for _, d := range doomed {
		if d.loss == LossRows {
			writers = append(writers, d)
		} else {
			exclusive = append(exclusive, d)
		}
	}
	for _, group := range []struct {
		tables []doomedTable
		mode   string
	}{{exclusive, "ACCESS EXCLUSIVE"}, {writers, "SHARE ROW EXCLUSIVE"}} {
		if len(group.tables) == 0 {
			continue
		}
		if err := script(ctx, conn, "LOCK TABLE "+onlyList(group.tables)+" IN "+group.mode+" MODE"); err != nil {
			return fmt.Errorf("locking the tables that lose rows: %w", err)
		}
	}
	return nil
}

// beforeCommit lets the file commit only when all that is gone is saved.
func (g *guardian) beforeCommit(ctx context.Context, conn *pgx.Conn, f migrate.File) error {
	w := g.now
	if w == nil && g.resumes(f) {
		return nil
	}
	if w == nil || w.file.Version != f.Version || w.before == nil {
		return errors.New("the file was not looked at before it ran")
	}
	after, err := takeInventory(ctx, conn)
	if err != nil {
		return err
	}
	var lost []string
	for _, l := range w.before.lostSince(after) {
		if why := g.missing(w, l); why != "" {
			lost = append(lost, l.what+", "+why)
		}
	}
	if len(lost) > 0 {
		return g.refuse(lost)
	}
	w.made = w.before.madeSince(after)
	return g.renew(ctx, conn, w, after)
}

// resumes reports whether the run goes on in a file that an earlier one began. That one
// looked at what there was; the file runs outside a transaction, so by its words it takes
// no rows away (RefuseUnprotected).
func (g *guardian) resumes(f migrate.File) bool {
	return g.o.plan.Resumes && g.o.plan.Files[0].Version == f.Version && !f.Transactional
}

// missing says why what is lost cannot be put back from the archive, "" when it can.
func (g *guardian) missing(w *watched, l lossFound) string {
	if g.made[columnOf{l.table.OID, 0}] || g.made[columnOf{l.table.OID, l.column}] {
		return ""
	}
	saved, ok := g.archive.Manifest.Table(l.table.OID)
	_, checked := w.tables[l.table.OID]
	switch {
	case !ok:
		return notArchived
	case l.column > 0 && !slices.Contains(saved.Numbers, l.column):
		return cameAfter
	case l.rewritten && w.altered[l.table.OID]:
		return "" // by an ALTER TABLE that rewrites: the values are still there
	case !checked && w.file.Transactional:
		return "and what was written to it since it was archived is not saved"
	}
	return ""
}

const (
	notArchived = "and it is not in the archive"
	cameAfter   = "and it came after the archive"
)

func (g *guardian) refuse(lost []string) error {
	f := &ops.Failure{
		Code:   ops.ExitRefused,
		What:   "it would take away what is not in the archive",
		Detail: append(lost, "the archive is "+filepath.Base(g.archive.Path)),
		Next: []string{
			"say so in the file in plain SQL (DROP TABLE …, ALTER TABLE … DROP COLUMN …, DELETE FROM …): what it names is archived before it runs",
			"then run the same command again",
		},
	}
	if strings.Contains(strings.Join(lost, ""), cameAfter) {
		f.Next = []string{"run the same command again: it makes a new archive"}
	}
	return f
}

// renew makes the state before the commit the new reference of the tables that stay: what
// the file made of their rows comes from rows that are saved.
func (g *guardian) renew(ctx context.Context, conn *pgx.Conn, w *watched, after inventory) error {
	now, err := readKnownMoment(ctx, conn)
	if err != nil {
		return err
	}
	for oid := range w.tables {
		is := after[oid]
		if is == nil || !g.comesAgain(w.file) {
			continue
		}
		r := reference{horizon: now.horizon}
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM ONLY "+is.quoted()).Scan(&r.rows); err != nil {
			return fmt.Errorf("counting the rows of %s: %w", is.Relation, err)
		}
		w.references[oid] = r
	}
	return nil
}

// comesAgain reports whether a file follows that may take something from a table again.
func (g *guardian) comesAgain(f migrate.File) bool {
	last := g.o.plan.Files[len(g.o.plan.Files)-1]
	return last.Version != f.Version
}
