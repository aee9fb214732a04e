package runbook

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// Guards against cron's runs each telling what the one before has told.
func TestRunsOfCronTellADriftOnceAndThatItIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.Staging, 1, 0)
	w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), RolloutOptions{}))
	runs := func(n int) {
		for range n {
			w.clock.advance(4 * DefaultTick)
			w.does(ops.ExitDone, RolloutWatch(t.Context(), w.session(), RolloutWatchOptions{Once: true}))
		}
	}
	told := func(key string) (n int) {
		w.told.mu.Lock()
		defer w.told.mu.Unlock()
		for _, m := range w.told.messages {
			if strings.Contains(m, `"key":"`+key+`"`) {
				n++
			}
		}
		return n
	}
	pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET percentage = 70")
	runs(3)
	if began, ended := told("alert:drift"), told("alert:drift:over"); began != 1 || ended != 0 {
		t.Errorf("while it lasts it was told %d times to begin, %d times to be over", began, ended)
	}
	pgtest.Exec(t, w.target, "UPDATE clipperops.feature_flags SET percentage = 100")
	runs(2)
	if began, ended := told("alert:drift"), told("alert:drift:over"); began != 1 || ended != 1 {
		t.Errorf("in all it was told %d times to begin, %d times to be over", began, ended)
	}
}
