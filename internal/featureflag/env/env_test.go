package env_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/env"
	"github.com/clipper/clipperops/internal/featureflag/featureflagtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	featureflagtest.Run(t, func(*testing.T) featureflagtest.Bench {
		return featureflagtest.Bench{Store: env.New([]string{"PATH=/bin"})}
	})
}

// TestJunkIsAnErrorAtStart: a service does not begin with a flag that it has to guess.
func TestJunkIsAnErrorAtStart(t *testing.T) {
	t.Parallel()
	for _, junk := range []string{"FEATURE_TWITCH_MODERATION=maybe", "FEATURE_TWITCH_MODERATION_ROLLOUT_PERCENTAGE=101", "FEATURE_TWITCH_MODERATION_ROLLOUT_PERCENTAGE=10%"} {
		if err := featureflag.NewLive(env.New([]string{junk})).Start(t.Context()); err == nil {
			t.Errorf("%s is taken", junk)
		}
	}
}
