package runbook

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
)

// TestAClockThatIsAheadEndsNoSoak: whoever's machine is three days ahead is told, moves on no
// earlier, and records the time that others have.
func TestAClockThatIsAheadEndsNoSoak(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Production, 0, 0)
	ahead := func() *Session {
		s := w.session()
		s.Now = func() time.Time { return w.clock.Now().Add(73 * time.Hour) }
		s.RecordTime = func(context.Context, *pgx.Conn) (time.Time, error) { return w.clock.Now(), nil }
		return s
	}
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), RolloutOptions{Force: true, Reason: "a rehearsal"}))
	w.clock.advance(time.Minute)
	run := w.does(ops.ExitRefused, RolloutAdvance(t.Context(), ahead(), RolloutOptions{}))
	var text bytes.Buffer
	if err := reports.Write(&text, reports.FormatText, run); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"⚠ the clock of ops1 is 73 h ahead of the database's", "60 s of 48 h"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, text.String())
		}
	}
	w.does(ops.ExitDone, RolloutPause(t.Context(), ahead(), RolloutOptions{}))
	events, err := RolloutHistory(t.Context(), w.session(), 1)
	if err != nil || len(events) != 1 || !events[0].At.Equal(w.clock.Now()) {
		t.Errorf("%v, recorded is %+v, want it at %s", err, events, w.clock.Now())
	}
}
