package rollback_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollback"
)

// versions makes a chain of empty files; a negative version has no down file.
func versions(t *testing.T, list ...int) *migrate.Source {
	t.Helper()
	files := fstest.MapFS{}
	for _, v := range list {
		name := migrate.File{Version: uint64(max(v, -v))}.ID() + "_step."
		files[name+"up.sql"] = &fstest.MapFile{Data: []byte("SELECT 1;")}
		if v > 0 {
			files[name+"down.sql"] = &fstest.MapFile{Data: []byte("SELECT 1;")}
		}
	}
	src, err := migrate.ReadSource(files, "the test's migrations")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func at(version int64) migrate.State {
	return migrate.State{Schema: "public", Table: true, Rows: 1, Version: version}
}

func TestPlanRefusesWhatARollbackMayNotDo(t *testing.T) {
	t.Parallel()
	rel := release.Moderation()
	whole := versions(t, 9, 10, 11, 49, 50, 69, 97)
	for name, c := range map[string]struct {
		src     *migrate.Source
		from    int64
		to      uint64
		allowed bool
		want    []string
	}{
		"below the floor":     {whole, 97, 9, false, []string{"version 9 is below 10", "clipperops rollback --target 10"}},
		"above the database":  {whole, 49, 97, false, []string{"a rollback only goes down", "clipperops migrate --target 97"}},
		"no version at all":   {whole, -1, 10, false, []string{"a rollback only goes down"}},
		"without a file":      {whole, 97, 60, false, []string{"there is no migration 60", "clipperops rollback --target 50"}},
		"a missing down file": {versions(t, 10, 11, 49, -50, 97), 97, 10, false, []string{"000050_step.up.sql has no down file", "50 can be reached: clipperops rollback --target 50"}},
		"foreign files": {
			versions(t, 10, 11, 12, 49, 60, 69, 97), 97, 11, false,
			[]string{"undoes 2 migrations that do not belong to release moderation", "000060_step.down.sql", "000012_step.down.sql", "--allow-foreign", "clipperops rollback --target 60"},
		},
		"one foreign file": {versions(t, 10, 11, 12), 12, 10, false, []string{"undoes a migration that does not belong", "000012_step.down.sql"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := rollback.Plan(c.src, at(c.from), c.to, rel, c.allowed)
			f := mustFail(t, err, ops.ExitRefused)
			contains(t, append(append(append([]string{f.What}, f.Detail...), f.State...), f.Next...), append(c.want, "nothing was touched")...)
			if len(f.Next) == 0 {
				t.Error("it does not say what to do")
			}
		})
	}
}

func TestPlanTakesTheReleaseBackNewestFirst(t *testing.T) {
	t.Parallel()
	p, err := rollback.Plan(versions(t, 10, 11, 12, 49), at(49), 10, release.Moderation(), true)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range p.Files {
		mark := ""
		if !f.Release {
			mark = " foreign"
		}
		got = append(got, f.FileName+mark)
	}
	want := []string{"000049_step.down.sql", "000012_step.down.sql foreign", "000011_step.down.sql"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlanAtTheTargetHasNothingToDo(t *testing.T) {
	t.Parallel()
	p, err := rollback.Plan(versions(t, 10, 11), at(10), 10, release.Moderation(), false)
	if err != nil || !p.Nothing() {
		t.Errorf("plan %v, error %v", p, err)
	}
}

// What comes late could not be saved, nor the file undone.
func TestPlanRefusesFilesThatLoseRowsOutsideATransaction(t *testing.T) {
	t.Parallel()
	src, err := migrate.ReadSource(fstest.MapFS{
		"000001_a.up.sql":   {Data: []byte("SELECT 1;")},
		"000001_a.down.sql": {Data: []byte("SELECT 1;")},
		"000002_b.up.sql":   {Data: []byte("SELECT 1;")},
		"000002_b.down.sql": {Data: []byte("DO $$ BEGIN DELETE FROM t; COMMIT; END $$;")},
	}, "the test's migrations")
	if err != nil {
		t.Fatal(err)
	}
	_, err = rollback.Plan(src, at(2), 1, nil, false)
	f := mustFail(t, err, ops.ExitRefused)
	contains(t, []string{explain(f)}, "000002_b.down.sql", "DO with COMMIT")
}
