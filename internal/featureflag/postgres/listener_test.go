package postgres_test

import (
	"context"
	"sync"
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/featureflagtest"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestAListenerThatIsEnded: it comes back by itself each time, the flags stay
// meanwhile, and what is changed after its return or while it was away is seen
// without the poll.
func TestAListenerThatIsEnded(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.Empty())
	store := setUp(t, target)
	put(target)(t, featureflagtest.New(t, true, featureflag.Everybody))
	live := featureflag.NewLive(store)
	if err := live.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { live.Run(ctx) })
	defer running.Wait()
	defer stop()
	const listener = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE application_name = 'flags' AND datname = current_database()`
	conn := pgtest.Connect(t, target)
	for round := range 3 {
		pgtest.Eventually(t, func() bool {
			var ended int
			if err := conn.QueryRow(t.Context(), listener).Scan(&ended); err != nil {
				t.Fatal(err)
			}
			return ended > 0
		}, "there is a listener to end")
		if !live.Enabled("twitch_moderation") {
			t.Fatal("the flag went off with its listener")
		}
		f := featureflagtest.New(t, true, featureflag.Percentage(100*(round+1)))
		put(target)(t, f)
		pgtest.Eventually(t, func() bool {
			s := live.Status()
			return s.Error == "" && len(s.Flags) == 1 && s.Flags[0].Same(f)
		}, "the change is seen")
	}
}
