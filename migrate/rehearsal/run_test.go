package rehearsal_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// chainOf makes migrations 1, 2, … of pairs of up and down.
func chainOf(t testing.TB, pairs ...[2]string) *migrate.Source {
	t.Helper()
	fsys := fstest.MapFS{}
	for i, p := range pairs {
		id := "00000" + string(rune('1'+i)) + "_step"
		fsys[id+".up.sql"] = &fstest.MapFile{Data: []byte(p[0])}
		fsys[id+".down.sql"] = &fstest.MapFile{Data: []byte(p[1])}
	}
	return sourceOf(t, fsys)
}

func sourceOf(t testing.TB, fsys fstest.MapFS) *migrate.Source {
	t.Helper()
	src, err := migrate.ReadSource(fsys, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func stateOf(t testing.TB, target config.Target) migrate.State {
	t.Helper()
	s, err := migrate.ReadState(t.Context(), pgtest.Connect(t, target))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(version int64) migrate.State {
	return migrate.State{Schema: "public", Table: true, Rows: min(1, int(version)+1), Version: version}
}

// forward is the input for everything of src that clone does not have.
func forward(t testing.TB, clone config.Target, src *migrate.Source) rehearsal.Input {
	t.Helper()
	state := stateOf(t, clone)
	versions := src.Versions()
	last := versions[len(versions)-1]
	plan := planned(t)(migrate.PlanUp(src, state, last, nil))
	in := rehearsal.Input{Clone: clone, Plan: plan, Again: true, Place: "a test's database"}
	if plan.From < 0 {
		in.Back = planned(t)(migrate.PlanDownToNone(src, at(plan.To), nil))
	} else {
		in.Back = planned(t)(migrate.PlanDown(src, at(plan.To), uint64(plan.From), nil))
	}
	return in
}

func planned(t testing.TB) func(*migrate.Plan, error) *migrate.Plan {
	return func(p *migrate.Plan, err error) *migrate.Plan {
		t.Helper()
		if err != nil {
			t.Fatal(show(err))
		}
		return p
	}
}

func rehearse(t testing.TB, in rehearsal.Input) *rehearsal.Outcome {
	t.Helper()
	o, err := rehearsal.Run(t.Context(), in)
	if err != nil {
		t.Fatal(show(err))
	}
	return o
}

// show is a failure as an operator reads it.
func show(err error) string {
	f := ops.AsFailure(err)
	if f == nil {
		return "no error"
	}
	lines := []string{f.What}
	for _, part := range [][]string{f.Detail, f.State, f.Next} {
		for _, l := range part {
			lines = append(lines, "    "+l)
		}
	}
	return strings.Join(lines, "\n")
}

// whole fails the test unless every pass came to its end.
func whole(t testing.TB, o *rehearsal.Outcome, passes ...rehearsal.PassName) {
	t.Helper()
	var names []rehearsal.PassName
	for _, p := range o.Passes {
		names = append(names, p.Name)
		if p.Failure != nil {
			t.Errorf("%s: %s", p.Name, show(p.Failure))
		}
	}
	if diff := cmp.Diff(passes, names); diff != "" {
		t.Fatal(diff)
	}
}

var thrice = []rehearsal.PassName{rehearsal.There, rehearsal.Back, rehearsal.Again}

func same(t testing.TB, a, b *pg.Snapshot) {
	t.Helper()
	for _, c := range pg.Diff(a, b) {
		t.Error(c)
	}
}

func TestThereAndBackAndThereAgain(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	src := chainOf(t,
		[2]string{"CREATE TABLE a (id int PRIMARY KEY);", "DROP TABLE a;"},
		[2]string{"ALTER TABLE a ADD COLUMN note text; CREATE INDEX a_note ON a (note);", "ALTER TABLE a DROP COLUMN note;"},
	)
	o := rehearse(t, forward(t, clone, src))
	whole(t, o, thrice...)
	there, back, again := o.Pass(rehearsal.There), o.Pass(rehearsal.Back), o.Pass(rehearsal.Again)
	same(t, o.Before, back.After)
	same(t, there.After, again.After)
	if there.After.Equal(o.Before) {
		t.Error("nothing happened")
	}
	if there.Reached != 2 || back.Reached != -1 || again.Reached != 2 {
		t.Errorf("reached %d, %d, %d", there.Reached, back.Reached, again.Reached)
	}
	for _, p := range o.Passes {
		if len(p.Files) != 2 || p.Took <= 0 || p.Files[0].Took <= 0 || p.Plan == nil {
			t.Errorf("%s: %+v", p.Name, p)
		}
	}
	if o.Mode != rehearsal.SchemaOnly || o.Place != "a test's database" || o.Took < there.Took+back.Took+again.Took {
		t.Errorf("%s %s %s", o.Mode, o.Place, o.Took)
	}
	if got := stateOf(t, clone); got.Version != 2 || got.Dirty {
		t.Errorf("the clone is at %s", got)
	}
}

// TestBackIsNotWhatWasBefore: the down file leaves something, and the schemas tell.
func TestBackIsNotWhatWasBefore(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	src := chainOf(t,
		[2]string{"CREATE TABLE a (id int); CREATE TYPE mood AS ENUM ('fine');", "DROP TABLE a;"},
	)
	in := forward(t, clone, src)
	o := rehearse(t, in)
	changes := pg.Diff(o.Before, o.Pass(rehearsal.Back).After)
	if len(changes) != 1 || changes[0].Op != pg.Added || changes[0].Kind != pg.KindEnum {
		t.Errorf("%v", changes)
	}
	again := o.Pass(rehearsal.Again)
	if again == nil || again.Failure == nil || !strings.Contains(show(again.Failure), `type "mood" already exists`) {
		t.Errorf("%+v", again)
	}
}

func TestFileThatFailsEndsTheRehearsal(t *testing.T) {
	t.Parallel()
	good := [2]string{"CREATE TABLE a (id int PRIMARY KEY);", "DROP TABLE a;"}
	for name, c := range map[string]struct {
		pairs   [][2]string
		passes  int
		reached int64
		files   int
		file    string
		line    int
	}{
		"up":                 {[][2]string{good, {"SELECT 1;\nALTER TABLE nowhere ADD COLUMN x int;", "SELECT 1;"}, {"SELECT 1;", "SELECT 1;"}}, 1, 1, 1, "000002_step.up.sql", 2},
		"down":               {[][2]string{good, {"CREATE TABLE b (id int REFERENCES a);", "SELECT 1;"}}, 2, 1, 1, "000001_step.down.sql", 1},
		"up, the first file": {[][2]string{{"SELECT nothing;", "SELECT 1;"}}, 1, -1, 0, "000001_step.up.sql", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := rehearse(t, forward(t, pgtest.New(t), chainOf(t, c.pairs...)))
			if len(o.Passes) != c.passes {
				t.Fatalf("%d passes", len(o.Passes))
			}
			p := o.Passes[len(o.Passes)-1]
			var failed *migrate.FileError
			if p.Failure == nil || !errors.As(p.Failure, &failed) || failed.File.FileName != c.file {
				t.Fatalf("%+v", p.Failure)
			}
			if got := failed.File.Statements[failed.Statement].Line; got != c.line {
				t.Errorf("line %d, want %d", got, c.line)
			}
			if p.Reached != c.reached || len(p.Files) != c.files || p.After == nil {
				t.Errorf("reached %d with %d files", p.Reached, len(p.Files))
			}
		})
	}
}

func TestWithoutAWayBack(t *testing.T) {
	t.Parallel()
	in := forward(t, pgtest.New(t), chainOf(t, [2]string{"CREATE TABLE a (id int);", "DROP TABLE a;"}))
	in.Back, in.NoWayBack = nil, errors.New("there is none")
	o := rehearse(t, in)
	whole(t, o, rehearsal.There)
	if o.NoWayBack == nil {
		t.Error("why there is no way back is not handed on")
	}
}

// TestRollback goes down and up, and lets the caller look in between.
func TestRollback(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	src := chainOf(t,
		[2]string{"CREATE TABLE a (id int);", "DROP TABLE a;"},
		[2]string{"CREATE TABLE b (id int);", "DROP TABLE b;"},
	)
	if _, err := migrate.Apply(t.Context(), clone, planned(t)(migrate.PlanUp(src, at(-1), 2, nil)),
		migrate.Backup{Waived: "a test"}, migrate.Rehearsal{Waived: "a test"}, migrate.ApplyOptions{}); err != nil {
		t.Fatal(show(err))
	}
	looked := false
	o := rehearse(t, rehearsal.Input{
		Clone: clone, Plan: planned(t)(migrate.PlanDown(src, at(2), 1, nil)), Back: planned(t)(migrate.PlanUp(src, at(1), 2, nil)),
		AfterThere: func(ctx context.Context, conn *pgx.Conn, before *pg.Snapshot) error {
			now, err := pg.TakeSnapshot(ctx, conn, pg.SnapshotOptions{})
			if err != nil {
				return err
			}
			changes := pg.Diff(before, now)
			looked = len(changes) == 1 && changes[0].Op == pg.Removed && changes[0].Name == "public.b"
			return nil
		},
	})
	whole(t, o, rehearsal.There, rehearsal.Back)
	same(t, o.Before, o.Pass(rehearsal.Back).After)
	if !looked {
		t.Error("the caller did not see the clone after the way down")
	}
	given := errors.New("no more")
	_, err := rehearsal.Run(t.Context(), rehearsal.Input{
		Clone: clone, Plan: planned(t)(migrate.PlanDown(src, at(2), 1, nil)),
		AfterThere: func(context.Context, *pgx.Conn, *pg.Snapshot) error { return given },
	})
	if !errors.Is(err, given) {
		t.Errorf("%v", err)
	}
}
