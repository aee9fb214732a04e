package rehearsal

import (
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// TestTheSpeedOfTheDayMakesNoWarning guards against a warning that is there in one run and
// not in the next, on the same database: the clone's speed differs by a half, and what a
// statement took there by more.
func TestTheSpeedOfTheDayMakesNoWarning(t *testing.T) {
	t.Parallel()
	build := buildsIndex(submissions)
	rewrite := Statement{Text: "ALTER TABLE clip_submissions ALTER COLUMN id TYPE bigint", Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}, Rewritten: []Relation{submissions}}
	check := Statement{Text: "ALTER TABLE clip_submissions ADD CHECK (n > 0)", Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}, Scanned: []Relation{submissions}}
	update := Statement{Text: "UPDATE clip_submissions SET n = 0", Locks: []Lock{{Relation: submissions, Mode: RowExclusive}}}
	ids := []string{"rehearse.locks.clip_submissions", "rehearse.rewrite", "rehearse.rows"}
	for rows := int64(2_000); rows < 3_000_000; rows += rows / 4 {
		for name, s := range map[string]Statement{"index": build, "rewrite": rewrite, "check": check, "update behind": update} {
			seen := map[string]ops.Status{}
			for _, speed := range []float64{0.5, 0.75, 1, 1.25, 1.5} {
				for _, took := range []time.Duration{time.Millisecond, 150 * time.Millisecond} {
					statements := []Statement{s}
					if name == "update behind" {
						statements = []Statement{addsColumn(submissions), s}
					}
					o := outcomeOf(fileOf(statements...))
					o.Passes[0].Files[0].Statements[0].Took = took
					o.Sizes["clip_submissions"] = Size{Rows: rows, Bytes: rows * 160}
					o.Rates = Rates{ScanBytes: 400e6 * speed, RewriteBytes: 50e6 * speed, IndexRows: 1.5e6 * speed, UpdateRows: 100e3 * speed}
					for _, r := range o.Results() {
						for _, id := range ids {
							if r.ID != id {
								continue
							}
							if before, known := seen[id]; known && before != r.Status {
								t.Errorf("%s on %d rows: %s is %s at one speed and %s at another", name, rows, id, before, r.Status)
							}
							seen[id] = r.Status
						}
					}
				}
			}
		}
	}
}

// TestTheWeightOfATable: what is a warning, what is none, and what is said of the rest.
func TestTheWeightOfATable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rows    int64
		rates   Rates
		status  ops.Status
		mention string
	}{
		{9_000, assumed, ops.StatusPass, ""},
		{50_000, evenRates, ops.StatusPass, ""},
		{90_000, assumed, ops.StatusPass, "borderline: others may notice it on a server that is slow or busy"},
		{100_000, evenRates, ops.StatusWarn, "about 0.07 s"},
		{50_000, Rates{IndexRows: 25_000}, ops.StatusWarn, "about 2.0 s"}, // a server that is slower than any disk
	} {
		o := outcomeOf(fileOf(buildsIndex(submissions)))
		o.Sizes["clip_submissions"], o.Rates = Size{Rows: tt.rows, Bytes: tt.rows * 160}, tt.rates
		r := result(t, o, "rehearse.locks.clip_submissions")
		if r.Status != tt.status {
			t.Errorf("%d rows: %s", tt.rows, shown(r))
		}
		has(t, "weight", shown(r), tt.mention)
	}
}

// TestWithRowsAnUpdateWeighsWhatItWrote: of a large table it may be a few.
func TestWithRowsAnUpdateWeighsWhatItWrote(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]ops.Status{12: ops.StatusPass, 400_000: ops.StatusWarn} {
		o := outcomeOf(fileOf(Statement{Text: "UPDATE clip_submissions SET n = 0 WHERE old", Locks: []Lock{{Relation: submissions, Mode: RowExclusive}}, Rows: []Rows{{Relation: submissions, Updated: n}}}))
		o.Mode, o.CloneSizes = WithData, map[string]Size{"clip_submissions": {Rows: 600_000, Bytes: 100e6}}
		if r := result(t, o, "rehearse.rows"); r.Status != want {
			t.Errorf("%d rows: %s", n, shown(r))
		}
	}
}
