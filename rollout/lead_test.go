package rollout

import (
	"context"
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
)

func TestOneWatchLeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := pgtest.Connect(t, w.target), pgtest.Connect(t, w.target)
	lead := func(want bool) bool {
		led, err := Lead(context.Background(), second, flagKey)
		return err == nil && led == want
	}
	if led, err := Lead(t.Context(), first, flagKey); err != nil || !led || !lead(false) {
		t.Fatalf("the first leads: %v, %v", led, err)
	}
	if led, err := Lead(t.Context(), second, "another"); err != nil || !led {
		t.Errorf("another flag is kept from being watched: %v", err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, func() bool { return lead(true) }, "the second takes over")
}
