package rehearsal

import (
	"errors"
	"fmt"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5/pgconn"
)

func snapshotOf(objects ...pg.Object) *pg.Snapshot {
	return &pg.Snapshot{Format: pg.SnapshotFormat, ServerVersionNum: 150000, Objects: objects}
}

func object(kind pg.Kind, name, of, definition string) pg.Object {
	o := pg.Object{Key: pg.Key{Kind: kind, Name: name}, Definition: definition}
	if of != "" {
		o.Of = pg.Key{Kind: pg.KindTable, Name: of}
	}
	return o
}

// downPlan goes from the first version to the last, file by file.
func downPlan(versions ...int64) *migrate.Plan {
	p := &migrate.Plan{Direction: migrate.Down, From: versions[0], To: versions[len(versions)-1]}
	for i, v := range versions[:len(versions)-1] {
		p.Files = append(p.Files, migrate.File{Version: uint64(v), FileName: fmt.Sprintf("%06d_x.down.sql", v), Direction: migrate.Down, After: versions[i+1]})
	}
	return p
}

func upPlan(from int64, versions ...int64) *migrate.Plan {
	p := &migrate.Plan{Direction: migrate.Up, From: from, To: versions[len(versions)-1]}
	for _, v := range versions {
		p.Files = append(p.Files, migrate.File{Version: uint64(v), FileName: fmt.Sprintf("%06d_x.up.sql", v), Direction: migrate.Up, After: v})
	}
	return p
}

// failedAt is the pass over the plan that ended at the file of that version.
func failedAt(name PassName, p *migrate.Plan, version uint64, line int, answer *pgconn.PgError) Pass {
	pass := Pass{Name: name, Plan: p, Reached: p.From}
	for _, f := range p.Files {
		if f.Version != version {
			pass.Files = append(pass.Files, File{File: f})
			pass.Reached = f.After
			continue
		}
		f.Statements = []sqlscan.Statement{{Line: line}}
		pass.Failure = &ops.Failure{
			What:   f.FileName + " failed; nothing of it was applied",
			Detail: []string{fmt.Sprintf("line %d: ERROR %s (%s)", line, answer.Message, answer.Code), "detail: " + answer.Detail},
			Err:    &migrate.FileError{File: f, Statement: 0, Err: answer},
		}
		break
	}
	return pass
}

var depends = &pgconn.PgError{
	Code: "2BP01", Message: "cannot drop table a because other objects depend on it", Detail: "view late depends on table a",
}

func TestARollbackThatFailsSaysHowFarItCanGo(t *testing.T) {
	t.Parallel()
	versions := []int64{97, 96, 95, 60, 59, 58}
	for _, tt := range []struct {
		at         uint64
		want, next string
	}{
		{60, "targets 96 … 60 can be reached; 59 cannot, because 000060_x.down.sql:7: cannot drop table a because other objects depend on it", "clipperops rollback --target 60"},
		{96, "target 96 can be reached; 95 cannot, because 000096_x.down.sql:7: cannot drop table a because other objects depend on it", "clipperops rollback --target 96"},
		{97, "no target below 97 can be reached: 96 cannot, because 000097_x.down.sql:7: cannot drop table a because other objects depend on it", ""},
	} {
		plan := downPlan(versions...)
		o := &Outcome{Plan: plan, Passes: []Pass{failedAt(There, plan, tt.at, 7, depends)}}
		f := o.Refusal()
		if f == nil || f.Code != ops.ExitRefused {
			t.Fatalf("%d: %+v", tt.at, f)
		}
		text := shown(ops.Result{Summary: f.What, Evidence: lines(append(f.Detail, f.Next...))})
		has(t, fmt.Sprint(tt.at), text, fmt.Sprintf("%06d_x.down.sql fails on a clone", tt.at), "line 7: ERROR cannot drop", "view late depends on table a", tt.want, "drop what depends on it first", tt.next)
		if tt.next == "" && len(f.Next) != 1 {
			t.Errorf("%d: %q", tt.at, f.Next)
		}
		if e := (*migrate.FileError)(nil); !errors.As(f, &e) || e.File.Version != tt.at {
			t.Errorf("%d: the file is not in the chain", tt.at)
		}
		r := result(t, o, "rehearse.applies")
		if r.Status != ops.StatusFail {
			t.Error(shown(r))
		}
		has(t, "applies", shown(r), tt.want)
	}
}

func TestAMigrationThatFailsSaysHowFarItCanGo(t *testing.T) {
	t.Parallel()
	missing := &pgconn.PgError{Code: "42P01", Message: `relation "userz" does not exist`}
	plan := upPlan(10, 11, 48, 49)
	o := &Outcome{Plan: plan, Passes: []Pass{failedAt(There, plan, 49, 12, missing)}}
	f := o.Refusal()
	if f == nil {
		t.Fatal("nothing is refused")
	}
	text := shown(ops.Result{Summary: f.What, Evidence: lines(append(f.Detail, f.Next...))})
	has(t, "refusal", text, `versions up to 48 can be reached; 49 cannot, because 000049_x.up.sql:12: relation "userz" does not exist`,
		"mend 000049_x.up.sql, and run the same command again", "clipperops migrate --target 48")
	o.Passes[0] = failedAt(There, plan, 11, 1, missing)
	text = shown(ops.Result{Evidence: lines(o.Refusal().Detail)})
	has(t, "the first file", text, "no version above 10 can be reached: 11 cannot")
}

// TestAnEnumsValueUsedTooEarly is the row of the table that is a failure.
func TestAnEnumsValueUsedTooEarly(t *testing.T) {
	t.Parallel()
	plan := upPlan(10, 11)
	early := &pgconn.PgError{Code: "55P04", Message: `unsafe use of new value "x" of enum type mood`}
	o := &Outcome{Plan: plan, Passes: []Pass{failedAt(There, plan, 11, 2, early)}}
	has(t, "next", o.Refusal().Next[0], "put ALTER TYPE … ADD VALUE into a file of its own")
}

func TestAPlanThatCannotBeUndoneIsRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	table := object(pg.KindTable, "public.kept", "", "")
	plan := upPlan(10, 11, 12)
	there := Pass{Name: There, Plan: plan, After: snapshotOf(table)}
	for _, f := range plan.Files {
		there.Files = append(there.Files, File{File: f})
	}
	there.Files[1].Changes = []pg.Change{{Op: pg.Added, Key: table.Key}}
	back := downPlan(12, 11, 10)
	for _, tt := range []struct {
		name string
		o    Outcome
		want []string
	}{
		{"no down file", Outcome{NoWayBack: &ops.Failure{What: "000012 has no down file"}}, []string{"there is no way back", "000012 has no down file"}},
		{
			"down fails",
			Outcome{Passes: []Pass{failedAt(Back, back, 12, 7, depends)}},
			[]string{"000012_x.down.sql fails on the clone", "no target below 12 can be reached", "line 7: ERROR"},
		},
		{
			"down leaves something",
			Outcome{Passes: []Pass{{Name: Back, Plan: back, After: snapshotOf(table)}}},
			[]string{"leave another schema", "+ table kept", "(000012_x.up.sql)"},
		},
	} {
		o := tt.o
		o.Plan, o.Before = plan, snapshotOf()
		o.Passes = append([]Pass{there}, o.Passes...)
		f := o.Refusal()
		if f == nil || f.Code != ops.ExitRefused {
			t.Fatalf("%s: %+v", tt.name, f)
		}
		text := shown(ops.Result{Summary: f.What, Evidence: lines(append(f.Detail, f.Next...))})
		has(t, tt.name, text, append(tt.want, "--allow-irreversible")...)
		if r := result(t, &o, "rehearse.reversible"); r.Status != ops.StatusFail || r.Fix == "" {
			t.Errorf("%s: %s", tt.name, shown(r))
		}
		o.AllowIrreversible = true
		if f := o.Refusal(); f != nil {
			t.Errorf("%s, allowed: %s", tt.name, f.What)
		}
		if r := result(t, &o, "rehearse.reversible"); r.Status != ops.StatusWarn {
			t.Errorf("%s, allowed: %s", tt.name, shown(r))
		}
	}
}

// TestARollbackIsNotRefusedForTheWayForward: who goes back need not go forward again.
func TestARollbackIsNotRefusedForTheWayForward(t *testing.T) {
	t.Parallel()
	plan := downPlan(12, 11, 10)
	there := Pass{Name: There, Plan: plan, After: snapshotOf()}
	for _, f := range plan.Files {
		there.Files = append(there.Files, File{File: f})
	}
	o := &Outcome{Plan: plan, Before: snapshotOf(object(pg.KindTable, "public.kept", "", "")), Passes: []Pass{there, failedAt(Back, upPlan(10, 11, 12), 12, 7, depends)}}
	if f := o.Refusal(); f != nil {
		t.Errorf("%s", f.What)
	}
	if r := result(t, o, "rehearse.reversible"); r.Status != ops.StatusWarn {
		t.Error(shown(r))
	}
	r := result(t, o, "rehearse.lost")
	if r.Status != ops.StatusPass || r.Summary != "lost by going back: table kept" {
		t.Error(shown(r))
	}
}

func TestGoingThereAgainMustLeadToTheSame(t *testing.T) {
	t.Parallel()
	plan := upPlan(10, 11)
	schema := snapshotOf(object(pg.KindTable, "public.a", "", ""))
	pass := func(name PassName, after *pg.Snapshot) Pass {
		return Pass{Name: name, Plan: plan, Files: []File{{File: plan.Files[0]}}, After: after}
	}
	o := &Outcome{Plan: plan, Before: snapshotOf(), Passes: []Pass{pass(There, schema), pass(Back, snapshotOf()), pass(Again, schema)}}
	for _, id := range []string{"applies", "reversible", "repeats"} {
		if r := result(t, o, "rehearse."+id); r.Status != ops.StatusPass {
			t.Error(shown(r))
		}
	}
	if f := o.Refusal(); f != nil {
		t.Error(f.What)
	}
	o.Passes[2] = pass(Again, snapshotOf())
	r := result(t, o, "rehearse.repeats")
	if r.Status != ops.StatusWarn {
		t.Error(shown(r))
	}
	has(t, "repeats", shown(r), "- table a")
	o.Passes[2] = failedAt(Again, plan, 11, 1, depends)
	has(t, "repeats", shown(result(t, o, "rehearse.repeats")), "after the way back 000011_x.up.sql cannot be applied again", "ERROR cannot drop table a")
}
