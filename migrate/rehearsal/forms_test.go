package rehearsal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// TestEachUnsafeStatementHasItsSafeForm guards against a fix that mends the first of several
// statements and leaves the others to the next rehearsal.
func TestEachUnsafeStatementHasItsSafeForm(t *testing.T) {
	t.Parallel()
	check := Statement{Text: "ALTER TABLE clip_submissions ADD CONSTRAINT positive CHECK (n > 0)", Locks: []Lock{{Relation: submissions, Mode: AccessExclusive}}, Scanned: []Relation{submissions}}
	key := Statement{Text: "ALTER TABLE clip_submissions ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES tags (id)", Scanned: []Relation{submissions}}
	drop := Statement{Text: "DROP INDEX old", Dropped: []Relation{{Schema: "public", Name: "old", Kind: "index"}}}
	build := buildsIndex(submissions)
	build.Locks = nil // a weaker lock than the one that is held
	o := outcomeOf(fileOf(check, key, drop, build, Statement{Text: "SELECT 1"}))
	o.Before = snapshotOf(object(pg.KindIndex, "public.old", "public.clip_submissions", "CREATE INDEX old ON public.clip_submissions USING btree (a)"))
	r := result(t, o, "rehearse.locks.clip_submissions")
	want := []string{
		"000049_step.up.sql line 1: safe form: ALTER TABLE clip_submissions ADD CONSTRAINT positive CHECK (n > 0) NOT VALID; in a later file: ALTER TABLE clip_submissions VALIDATE CONSTRAINT positive",
		"000049_step.up.sql line 2: safe form: ALTER TABLE clip_submissions ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES tags (id) NOT VALID; in a later file: ALTER TABLE clip_submissions VALIDATE CONSTRAINT fk",
		"000049_step.up.sql line 3: safe form: DROP INDEX CONCURRENTLY old; alone in its file",
		"000049_step.up.sql line 4: safe form: CREATE INDEX CONCURRENTLY idx_submissions_creator ON clip_submissions (creator_id); alone in its file",
	}
	if r.Status != ops.StatusWarn || r.Fix != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", shown(r), strings.Join(want, "\n"))
	}
}

// TestStatementsInSeveralFilesAreAllNamed: the relation has one result for all of them.
func TestStatementsInSeveralFilesAreAllNamed(t *testing.T) {
	t.Parallel()
	first, second := fileOf(buildsIndex(submissions)), fileOf(buildsIndex(submissions))
	second.FileName, second.Version = "000050_more.up.sql", 50
	second.Statements[0].Text = "CREATE INDEX other ON clip_submissions (n)"
	r := result(t, outcomeOf(first, second), "rehearse.locks.clip_submissions")
	has(t, "fix", r.Fix, "000049_step.up.sql line 1: safe form: CREATE INDEX CONCURRENTLY idx_submissions_creator", "000050_more.up.sql line 1: safe form: CREATE INDEX CONCURRENTLY other")
}

// TestManySafeFormsDoNotFlood: equal ones are one, and of many the kind is told.
func TestManySafeFormsDoNotFlood(t *testing.T) {
	t.Parallel()
	var statements []Statement
	for i := range 41 {
		s := buildsIndex(submissions)
		s.Text = fmt.Sprintf("CREATE INDEX i%[1]d ON clip_submissions (c%[1]d)", i%40)
		statements = append(statements, s)
	}
	r := result(t, outcomeOf(fileOf(statements...)), "rehearse.locks.clip_submissions")
	lines := strings.Split(r.Fix, "\n")
	if len(lines) != mostForms+1 {
		t.Errorf("%d lines:\n%s", len(lines), r.Fix)
	}
	has(t, "equal ones", lines[0], "lines 1 and 41: safe form: CREATE INDEX CONCURRENTLY i0 ON")
	has(t, "the rest", lines[mostForms], "lines 7, 8, 9, 10 and 30 more: likewise: CREATE INDEX CONCURRENTLY, alone in its file")
}
