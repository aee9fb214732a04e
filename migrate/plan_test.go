package migrate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/google/go-cmp/cmp"
)

func clean(version int64) migrate.State {
	s := migrate.State{Schema: "public", Table: true, Rows: 1, Version: version}
	if version < 0 {
		s.Rows = 0
	}
	return s
}

// chain is 10, 11, 49 and 50, of which 49 is not the release's.
func chain(t *testing.T) *migrate.Source {
	t.Helper()
	return source(t, map[string]string{
		"000010_base": "CREATE TABLE users (id int)", "000010_base.down.sql": "DROP TABLE users",
		"000011_a": "CREATE TABLE a (id int)", "000011_a.down.sql": "DROP TABLE a",
		"000049_b": "CREATE TABLE b (id int)", "000049_b.down.sql": "DROP TABLE b",
		"000050_c": "CREATE TABLE c (id int)", "000050_c.down.sql": "DROP TABLE c",
	})
}

func released(v uint64) bool { return v != 49 }

func fileNames(p *migrate.Plan) []string {
	var out []string
	for _, f := range p.Files {
		out = append(out, f.FileName)
	}
	return out
}

func TestPlanUpGoesForwardOnly(t *testing.T) {
	t.Parallel()
	src := chain(t)
	p, err := migrate.PlanUp(src, clean(10), 49, released)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"000011_a.up.sql", "000049_b.up.sql"}, fileNames(p)); diff != "" {
		t.Error(diff)
	}
	if p.From != 10 || p.To != 49 || p.Files[1].After != 49 || p.SHA256 == "" || p.SHA256 != p.Digest() || p.Source != "testdata" {
		t.Errorf("%+v", p)
	}
	if f := p.Foreign(); len(f) != 1 || f[0].Version != 49 {
		t.Errorf("foreign: %+v", f)
	}
	for _, at := range []int64{49, 50} { // golang-migrate's goto 49 would go down from 50
		p, err := migrate.PlanUp(src, clean(at), 49, released)
		if err != nil || !p.Nothing() || p.To != at {
			t.Errorf("at %d: %+v, %v", at, p, err)
		}
	}
	p, err = migrate.PlanUp(src, clean(-1), 50, nil)
	if err != nil || len(p.Files) != 4 || p.From != -1 || len(p.Foreign()) != 0 {
		t.Errorf("from nothing: %+v, %v", p, err)
	}
}

func TestPlanDownGoesBackNewestFirst(t *testing.T) {
	t.Parallel()
	src := chain(t)
	p, err := migrate.PlanDown(src, clean(50), 10, released)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"000050_c.down.sql", "000049_b.down.sql", "000011_a.down.sql"}, fileNames(p)); diff != "" {
		t.Error(diff)
	}
	if p.Files[0].After != 49 || p.Files[2].After != 10 || p.Files[1].Release || !p.Files[0].Release {
		t.Errorf("%+v", p.Files)
	}
	if p, err := migrate.PlanDown(src, clean(10), 10, nil); err != nil || !p.Nothing() {
		t.Errorf("at the target: %+v, %v", p, err)
	}
	p, err = migrate.PlanDownToNone(src, clean(11), nil)
	if err != nil || len(p.Files) != 2 || p.Files[1].After != -1 || p.To != -1 {
		t.Errorf("to nothing: %+v, %v", p, err)
	}
}

type refusedPlan struct {
	plan  func() (*migrate.Plan, error)
	code  ops.ExitCode
	texts []string
}

func refusedPlans(t *testing.T) map[string]refusedPlan {
	t.Helper()
	src := chain(t)
	dirty := clean(49)
	dirty.Dirty = true
	dirtyFirst := clean(-1)
	dirtyFirst.Dirty, dirtyFirst.Rows = true, 1
	several := clean(49)
	several.Rows = 2
	gap := source(t, map[string]string{"000010_a": "SELECT 1", "000011_b.up.sql": "SELECT 1", "000012_c.down.sql": "SELECT 1", "000013_d": ""})
	return map[string]refusedPlan{
		"dirty": {
			func() (*migrate.Plan, error) { return migrate.PlanUp(src, dirty, 50, nil) }, ops.ExitRefused,
			[]string{
				"the database is dirty at version 49", "before it runs a file", "000049_b.up.sql on the way up, or 000050_c.down.sql on the way down",
				"nothing was touched", "clipperops migrate repair", "clipperops migrate force VERSION",
			},
		},
		"dirty going down": {
			func() (*migrate.Plan, error) { return migrate.PlanDown(src, dirty, 10, nil) }, ops.ExitRefused, []string{"the database is dirty at version 49"},
		},
		"dirty before the first": {
			func() (*migrate.Plan, error) { return migrate.PlanUp(src, dirtyFirst, 50, nil) }, ops.ExitRefused,
			[]string{"dirty at no version", "it was 000010_base.down.sql", "clipperops migrate repair"},
		},
		"several rows": {
			func() (*migrate.Plan, error) { return migrate.PlanUp(src, several, 50, nil) }, ops.ExitRefused, []string{"schema_migrations has 2 rows"},
		},
		"newer than the files": {
			func() (*migrate.Plan, error) { return migrate.PlanUp(src, clean(111), 50, nil) }, ops.ExitRefused,
			[]string{"the database is at version 111, which has no file in testdata", "a newer or another chain", "testdata has 10 to 50", "nothing was touched"},
		},
		"between the files": {
			func() (*migrate.Plan, error) { return migrate.PlanDown(src, clean(30), 10, nil) }, ops.ExitRefused, []string{"version 30, which has no file"},
		},
		"target without a file": {
			func() (*migrate.Plan, error) { return migrate.PlanUp(src, clean(10), 48, nil) }, ops.ExitUsage, []string{"there is no migration 48 in testdata"},
		},
		"rollback to no file": {
			func() (*migrate.Plan, error) { return migrate.PlanDown(src, clean(50), 48, nil) }, ops.ExitUsage, []string{"there is no migration 48"},
		},
		"rollback upwards": {
			func() (*migrate.Plan, error) { return migrate.PlanDown(src, clean(11), 49, nil) }, ops.ExitUsage,
			[]string{"version 49 is above the database's, which is at version 11", "clipperops migrate --target 49"},
		},
		"missing down": {
			func() (*migrate.Plan, error) { return migrate.PlanDown(gap, clean(11), 10, nil) }, ops.ExitRefused,
			[]string{"000011_b.up.sql: has no down file", "write 000011_b.down.sql"},
		},
		"missing up and an empty file": {
			func() (*migrate.Plan, error) { return migrate.PlanUp(gap, clean(10), 13, nil) }, ops.ExitRefused, []string{"000012_c.down.sql: has no up file"},
		},
		"empty file": {
			func() (*migrate.Plan, error) { return migrate.PlanUp(gap, clean(12), 13, nil) }, ops.ExitRefused, []string{"000013_d.up.sql: holds no statement"},
		},
	}
}

func TestPlansThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range refusedPlans(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := c.plan()
			if p != nil {
				t.Errorf("%+v", p)
			}
			f := failure(t, err, c.code, c.texts...)
			if len(f.State) == 0 || len(f.Next) == 0 {
				t.Errorf("says neither where things stand nor what to do:\n%s", show(err))
			}
		})
	}
}

// TestProblemsElsewhereDoNotStopAPlan: they are for the checks to report.
func TestProblemsElsewhereDoNotStopAPlan(t *testing.T) {
	t.Parallel()
	src := source(t, map[string]string{"000010_a": "SELECT 1", "000011_b": "SELECT 1", "000012_c": "", "seed.sql": ""})
	if p, err := migrate.PlanUp(src, clean(10), 11, nil); err != nil || len(p.Files) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestPlanDigestHoldsEverythingThatDecides(t *testing.T) {
	t.Parallel()
	base := map[string]string{"000010_a": "SELECT 1", "000011_b": "SELECT 2"}
	digest := func(change func(map[string]string), from int64) string {
		t.Helper()
		bodies := map[string]string{}
		for k, v := range base {
			bodies[k] = v
		}
		if change != nil {
			change(bodies)
		}
		p, err := migrate.PlanUp(source(t, bodies), clean(from), 11, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p.SHA256
	}
	same := digest(nil, 10)
	if digest(nil, 10) != same {
		t.Error("two plans of the same files differ")
	}
	for what, other := range map[string]string{
		"contents": digest(func(m map[string]string) { m["000011_b"] = "SELECT 3" }, 10),
		"name":     digest(func(m map[string]string) { m["000011_c"] = m["000011_b"]; delete(m, "000011_b") }, 10),
		"start":    digest(nil, -1),
	} {
		if other == same {
			t.Errorf("another %s, and the same digest", what)
		}
	}
}

func TestPlanAsJSON(t *testing.T) {
	t.Parallel()
	p, err := migrate.PlanUp(chain(t), clean(11), 50, released)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	files := got["files"].([]any)
	first := files[0].(map[string]any)
	delete(first, "sha256")
	want := map[string]any{
		"version": 49.0, "name": "b", "file": "000049_b.up.sql", "direction": "up", "statements": 1.0,
		"transactional": true, "release": false, "after": 49.0, "touches": map[string]any{"created": []any{"b"}},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	if got["from"] != 11.0 || got["to"] != 50.0 || got["direction"] != "up" || got["sha256"] != p.SHA256 || len(files) != 2 {
		t.Error(string(text))
	}
	if strings.Contains(string(text), "CREATE TABLE") {
		t.Error("the SQL itself is in the JSON")
	}
}
