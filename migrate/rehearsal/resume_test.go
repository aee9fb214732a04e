package rehearsal_test

import (
	"errors"
	"testing"

	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// TestPlanThatResumes is rehearsed from the middle of its file, and the second time whole.
func TestPlanThatResumes(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, house)
	src := chainOf(t,
		[2]string{
			"CREATE INDEX CONCURRENTLY a ON people (name);\nCREATE UNIQUE INDEX CONCURRENTLY b ON pets (name);\nCREATE INDEX CONCURRENTLY c ON pets (owner);",
			"DROP INDEX CONCURRENTLY c;\nDROP INDEX CONCURRENTLY b;\nDROP INDEX CONCURRENTLY a;",
		},
		[2]string{"ALTER TABLE people ADD COLUMN x int;", "ALTER TABLE people DROP COLUMN x;"},
	)
	l, err := ledger.Open(t.Context(), pgtest.Connect(t, clone))
	if err != nil {
		t.Fatal(err)
	}
	_, err = migrate.Apply(t.Context(), clone, planned(t)(migrate.PlanUp(src, at(-1), 2, nil)),
		migrate.Backup{Waived: "a test"}, migrate.Rehearsal{Waived: "a test"}, migrate.ApplyOptions{Ledger: migrate.RecordIn(l, "run")})
	if !errors.As(err, new(*migrate.FileError)) {
		t.Fatalf("%v", err)
	}
	pgtest.Exec(t, clone, "UPDATE pets SET name = name || id")
	in := forward(t, clone, src)
	if !in.Plan.Resumes || in.Plan.Files[0].Done != 1 {
		t.Fatalf("%+v", in.Plan)
	}
	o := rehearse(t, in)
	whole(t, o, thrice...)
	there, back := o.Pass(rehearsal.There), o.Pass(rehearsal.Back)
	if s := there.Files[0].Statements; len(s) != 2 || s[0].Index != 1 || s[1].Index != 2 || len(there.Files) != 2 {
		t.Errorf("%+v", s)
	}
	if len(back.Files) != 2 || len(back.Files[1].Statements) != 3 {
		t.Errorf("%+v", back.Files)
	}
	same(t, there.After, o.Pass(rehearsal.Again).After)
	// What the interrupted run had done is what the clone lacks now.
	changes := pg.Diff(o.Before, back.After)
	if len(changes) != 1 || changes[0].Op != pg.Removed || changes[0].Name != "public.a" {
		t.Errorf("%v", changes)
	}
}
