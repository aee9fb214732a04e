package rehearsal

import (
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

var (
	submissionsTable = object(pg.KindTable, "public.clip_submissions", "", "")
	title            = object(pg.KindColumn, "public.clip_submissions.title", "public.clip_submissions", "text")
)

func TestWhatAMigrationTakesAwayIsNamedWithItsRows(t *testing.T) {
	t.Parallel()
	drop := Statement{Text: "DROP TABLE clip_submissions", Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}, Dropped: []Relation{submissions}}
	o := outcomeOf(fileOf(drop))
	o.Before, o.Passes[0].After = snapshotOf(submissionsTable, title), snapshotOf()
	r := result(t, o, "rehearse.lost")
	if want := "lost for good: table clip_submissions (1,200,000 rows)"; r.Status != ops.StatusWarn || r.Summary != want {
		t.Errorf("%s\nwant %s", shown(r), want)
	}
	has(t, "fix", r.Fix, "archive the rows; then DROP TABLE clip_submissions")
	r = result(t, o, "rehearse.clients")
	if r.Status != ops.StatusWarn {
		t.Error(shown(r))
	}
	has(t, "clients", shown(r), "table clip_submissions is gone")
}

// TestATableMadeAnewHasLostItsRows: the schema is the same before and after.
func TestATableMadeAnewHasLostItsRows(t *testing.T) {
	t.Parallel()
	for _, s := range []Statement{
		{Text: "DROP TABLE clip_submissions", Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}, Dropped: []Relation{submissions}},
		{Text: "TRUNCATE clip_submissions", Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}},
	} {
		o := outcomeOf(fileOf(s))
		o.Before = snapshotOf(submissionsTable, title)
		o.Passes[0].After = o.Before
		r := result(t, o, "rehearse.lost")
		if r.Status != ops.StatusWarn {
			t.Error(shown(r))
		}
		has(t, s.Text, shown(r), "the rows of clip_submissions (1,200,000 rows)")
	}
	counted := fileOf(Statement{Text: "DELETE FROM clip_submissions WHERE old", Rows: []Rows{{Relation: submissions, Deleted: 4711}}, Locks: []Lock{{Relation: submissions, Mode: RowExclusive}}})
	o := outcomeOf(counted)
	o.Mode, o.Before = WithData, snapshotOf(submissionsTable)
	o.Passes[0].After = o.Before
	has(t, "counted", shown(result(t, o, "rehearse.lost")), "4,711 rows of clip_submissions")
	has(t, "counted", shown(result(t, o, "rehearse.rows")), "deletes 4,711 rows of clip_submissions")
}

func TestANewNameIsNoLossAndBreaksClients(t *testing.T) {
	t.Parallel()
	rename := Statement{Text: "ALTER TABLE clip_submissions RENAME COLUMN title TO name", Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}}
	o := outcomeOf(fileOf(rename))
	name := title
	name.Name, name.Definition = "public.clip_submissions.name", "text NOT NULL"
	o.Before, o.Passes[0].After = snapshotOf(submissionsTable, title), snapshotOf(submissionsTable, name)
	if r := result(t, o, "rehearse.lost"); r.Status != ops.StatusPass || r.Summary != "nothing is lost" {
		t.Error(shown(r))
	}
	r := result(t, o, "rehearse.clients")
	if want := "breaks running clients that rely on it: column title of clip_submissions is called name"; r.Status != ops.StatusWarn || r.Summary != want {
		t.Errorf("%s\nwant %s", shown(r), want)
	}
	has(t, "fix", r.Fix, "expand and contract: add column name beside title")
}

// TestAColumnEveryInsertMustGive is found on an empty clone, and fails at apply.
func TestAColumnEveryInsertMustGive(t *testing.T) {
	t.Parallel()
	add := Statement{Text: "ALTER TABLE clip_submissions ADD COLUMN owner text NOT NULL", Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}, Scanned: []Relation{submissions}}
	o := outcomeOf(fileOf(add))
	owner := object(pg.KindColumn, "public.clip_submissions.owner", "public.clip_submissions", "text NOT NULL")
	o.Before, o.Passes[0].After = snapshotOf(submissionsTable), snapshotOf(owner, submissionsTable)
	o.Passes[0].After = snapshotOf(submissionsTable, owner)
	r := result(t, o, "rehearse.applies")
	if r.Status != ops.StatusWarn {
		t.Error(shown(r))
	}
	has(t, "applies", shown(r), "will fail on the rows of the database", "column owner is NOT NULL without a default, and clip_submissions has 1,200,000 rows", "NOT NULL DEFAULT <a constant>")
	has(t, "clients", shown(result(t, o, "rehearse.clients")), "INSERT without a value for clip_submissions.owner")
}

func TestWhatWasNotTriedOnRowsIsSaid(t *testing.T) {
	t.Parallel()
	check := Statement{
		Text:  "ALTER TABLE clip_submissions ADD CHECK (n > 0)",
		Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}, Scanned: []Relation{submissions},
	}
	o := outcomeOf(fileOf(check))
	r := result(t, o, "rehearse.applies")
	if r.Status != ops.StatusPass {
		t.Error(shown(r))
	}
	has(t, "applies", shown(r), "not tried on rows: 000049_step.up.sql line 1", "--rehearse data tries it")
	o.Mode = WithData
	if r := result(t, o, "rehearse.applies"); len(r.Evidence) > 0 {
		t.Error(shown(r))
	}
}

func TestEachFileSaysWhatItTookAndMade(t *testing.T) {
	t.Parallel()
	f := fileOf(buildsIndex(submissions))
	f.WAL, f.Grown = 212_000, 16_384
	f.Changes = []pg.Change{
		{Op: pg.Added, Key: pg.Key{Kind: pg.KindIndex, Name: "public.idx_submissions_creator"}, After: "CREATE INDEX idx_submissions_creator ON public.clip_submissions USING btree (creator_id)"},
		{Op: pg.Removed, Key: pg.Key{Kind: pg.KindView, Name: "public.old"}},
	}
	r := result(t, outcomeOf(f), "rehearse.file.000049")
	if want := "000049 step: 0.01 s, about 0.8 s on the database, 212 kB of WAL, 16 kB more on disk, 1 object made, 1 object lost"; r.Status != ops.StatusPass || r.Summary != want {
		t.Errorf("%s\nwant %s", shown(r), want)
	}
	has(t, "changes", shown(r), "+ index idx_submissions_creator ON public.clip_submissions USING btree (creator_id)", "- view old")
}
