package runbook

import (
	"errors"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
)

// TestOnlyAWayThatIsOpenIsSuggested guards against "undo with" a command that the
// rehearsal had seen fail, and against "forward again" where nothing leads there.
func TestOnlyAWayThatIsOpenIsSuggested(t *testing.T) {
	t.Parallel()
	const there = " --env staging"
	file := func(version uint64, name string, after int64, d migrate.Direction) migrate.File {
		return migrate.File{Version: version, FileName: name, Direction: d, After: after, Release: true}
	}
	up := &migrate.Plan{Direction: migrate.Up, From: 10, To: 12, Files: []migrate.File{
		file(11, "000011_one.up.sql", 11, migrate.Up), file(12, "000012_two.up.sql", 12, migrate.Up),
	}}
	down := &migrate.Plan{Direction: migrate.Down, From: 12, To: 10, Files: []migrate.File{
		file(12, "000012_two.down.sql", 11, migrate.Down), file(11, "000011_one.down.sql", 10, migrate.Down),
	}}
	fails := func(plan *migrate.Plan, at int) []rehearsal.Pass {
		f := plan.Files[at]
		cause := &migrate.FileError{File: f, Statement: -1, Err: errors.New("no such table")}
		return []rehearsal.Pass{{Name: rehearsal.Back, Plan: plan, Failure: &ops.Failure{What: "failed", Err: cause}}}
	}
	for _, tt := range []struct {
		name    string
		plan    *migrate.Plan
		outcome *rehearsal.Outcome
		backup  string
		want    []string
	}{
		{"not rehearsed", up, nil, "", []string{"undo with: clipperops rollback --target 10" + there}},
		{"open", up, &rehearsal.Outcome{Passes: []rehearsal.Pass{{Name: rehearsal.Back, Plan: down}}}, "", []string{"undo with: clipperops rollback --target 10" + there}},
		{"half open", up, &rehearsal.Outcome{Passes: fails(down, 1)}, "", []string{"as far as it goes: clipperops rollback --target 11" + there, "10 cannot be reached: 000011_one.down.sql: no such table"}},
		{"shut", up, &rehearsal.Outcome{Passes: fails(down, 0)}, "/b/db.sql.gz", []string{"there is no way back: 000012_two.down.sql", "clipperops backup restore /b/db.sql.gz --into clipper_before" + there}},
		{"no file", up, &rehearsal.Outcome{NoWayBack: errors.New("000011_one.up.sql has no down file")}, "", []string{"there is no way back: 000011_one.up.sql has no down file"}},
		{"forward", down, &rehearsal.Outcome{Passes: []rehearsal.Pass{{Name: rehearsal.Back, Plan: up}}}, "", []string{"forward again: clipperops migrate --target 12" + there}},
		{"half forward", down, &rehearsal.Outcome{Passes: fails(up, 1)}, "", []string{"as far as it goes: clipperops migrate --target 11" + there}},
		{"no forward", down, &rehearsal.Outcome{Passes: fails(up, 0)}, "", []string{"the way forward is not open: 000011_one.up.sql: no such table"}},
	} {
		f := &flow{Session: &Session{Config: &config.Config{Environment: config.Staging, Target: config.Target{Database: "clipper"}}}}
		if tt.outcome != nil {
			tt.outcome.Plan = tt.plan
		}
		r := rehearsed{outcome: tt.outcome}
		got := f.forwardAgain(tt.plan, r)
		if tt.plan == up {
			got = f.undo(tt.plan, migrate.Backup{Path: tt.backup}, r)
		}
		for _, w := range tt.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", tt.name, w, got)
			}
		}
		if strings.Contains(strings.Join(tt.want, ""), "no way back: ") && strings.Contains(got, "rollback") {
			t.Errorf("%s: suggests\n%s", tt.name, got)
		}
	}
}
