package runbook

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
)

// Guards against a next step that, typed as it stands, looks at staging.
func TestWhoIsTooLateIsLedToTheSameEnvironment(t *testing.T) {
	t.Parallel()
	e := &exposing{flow: &flow{Session: &Session{Config: &config.Config{Environment: config.Production}}}}
	for want, err := range map[string]error{
		"clipperops rollout status --env production":  &featureflag.Conflict{},
		"clipperops rollout history --env production": &rollout.ChangedError{By: "bob"},
	} {
		f := ops.AsFailure(e.rolloutFailure(err))
		if next := strings.Join(f.Next, "\n"); f.Code != ops.ExitBusy || !strings.Contains(next, want) {
			t.Errorf("%T: %d, next is %q, want %q", err, f.Code, next, want)
		}
	}
}
