package rehearsal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/jackc/pgx/v5"
)

func schemaOf(t *testing.T, conn *pgx.Conn) *pg.Snapshot {
	t.Helper()
	s, err := pg.TakeSnapshot(t.Context(), conn, pg.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCalibrationMeasuresAndLeavesNothing(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t, pgtest.AsRole())
	conn := pgtest.Connect(t, clone)
	before := schemaOf(t, conn)
	started := time.Now()
	rates, err := Calibrate(t.Context(), clone, "a test")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v in %s", rates, time.Since(started))
	// Any machine that runs this test is within these; a rate in bytes for one in rows, or
	// a clock that was read at the wrong place, is not.
	for name, rate := range map[string][3]float64{
		"scan": {rates.ScanBytes, 1e6, 1e12}, "rewrite": {rates.RewriteBytes, 1e5, 1e11},
		"index": {rates.IndexRows, 1e3, 1e9}, "update": {rates.UpdateRows, 1e2, 1e8},
	} {
		if rate[0] < rate[1] || rate[0] > rate[2] {
			t.Errorf("%s: %g a second", name, rate[0])
		}
	}
	// A machine that stops in the middle of a few milliseconds' reading does not do so each time.
	for again := 0; rates.ScanBytes < rates.RewriteBytes; again++ {
		if again == 5 {
			t.Fatalf("reading is slower than writing: %+v", rates)
		}
		if rates, err = Calibrate(t.Context(), clone, "a test"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range pg.Diff(before, schemaOf(t, conn)) {
		t.Errorf("left behind: %s", c)
	}
}

func TestAServerThatMayNotBeMeasuredGivesNoRates(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t, pgtest.AsRole())
	owner := pgtest.Shared(t).WithDatabase(clone.Database)
	pgtest.Exec(t, owner, "ALTER SCHEMA public OWNER TO CURRENT_USER; REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC")
	rates, err := Calibrate(t.Context(), clone, "a test")
	if err != nil || rates != (Rates{}) {
		t.Errorf("%+v, %v", rates, err)
	}
}

func TestCalibrationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Calibrate(ctx, pgtest.New(t), "a test"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
