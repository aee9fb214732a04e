package rehearsal_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/clipper/clipperops/migrations"
)

// TestTheReleaseGoesThereAndBack over a Clipper with rows, forward and as a rollback.
func TestTheReleaseGoesThereAndBack(t *testing.T) {
	t.Parallel()
	src, err := migrate.ReadSource(migrations.FS, "embedded")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("forward", func(t *testing.T) {
		t.Parallel()
		in := forward(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()), src)
		in.Mode = rehearsal.WithData
		o := rehearse(t, in)
		whole(t, o, thrice...)
		same(t, o.Before, o.Pass(rehearsal.Back).After)
		same(t, o.Pass(rehearsal.There).After, o.Pass(rehearsal.Again).After)
		if len(o.CloneSizes) == 0 || o.CloneSizes["users"].Bytes == 0 {
			t.Errorf("%v", o.CloneSizes)
		}
		taken := 0
		for _, f := range o.Pass(rehearsal.Back).Files {
			for _, s := range f.Statements {
				taken += len(s.Dropped)
			}
		}
		if taken == 0 {
			t.Error("the way back takes nothing")
		}
	})
	t.Run("rollback", func(t *testing.T) {
		t.Parallel()
		clone := pgtest.New(t, pgtest.WithModeration())
		o := rehearse(t, rehearsal.Input{
			Clone: clone, Mode: rehearsal.WithData,
			Plan: planned(t)(migrate.PlanDown(src, stateOf(t, clone), 10, nil)),
			Back: planned(t)(migrate.PlanUp(src, at(10), 97, nil)),
		})
		whole(t, o, rehearsal.There, rehearsal.Back)
		same(t, o.Before, o.Pass(rehearsal.Back).After)
	})
}
