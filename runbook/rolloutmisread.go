package runbook

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
	"github.com/clipper/clipperops/internal/ops"
)

// misreadable is a file of variables for who turns the flag off: one wrong character in the
// flag's lines must not leave it on.
type misreadable struct {
	featureflag.Writer
	anyhow featureflag.Writer
	why    atomic.Pointer[error] // the flag was not understood; nil while it is
}

// store is where the flag is kept.
func (e *exposing) store() (featureflag.Writer, error) {
	store, err := e.Session.store()
	if err == nil && e.manner.off && e.Config.Rollout.Store == "envfile" {
		store = &misreadable{Writer: store, anyhow: envfile.OpenToTurnOff(e.Config.Rollout.File, e.Release.Rollout.Flag)}
	}
	return store, err
}

// Load implements featureflag.Store.
func (m *misreadable) Load(ctx context.Context) (featureflag.State, error) {
	state, err := m.Writer.Load(ctx)
	if err == nil {
		return state, nil
	}
	state, still := m.anyhow.Load(ctx)
	if still != nil {
		return nil, err
	}
	m.why.Store(&err)
	return state, nil
}

// Write implements featureflag.Writer.
func (m *misreadable) Write(ctx context.Context, change featureflag.Change) (featureflag.Flag, error) {
	return m.anyhow.Write(ctx, change)
}

// misread records that the flag was not understood, where that is so.
func (e *exposing) misread(s *ops.Step) {
	m, ok := e.controller.Store.(*misreadable)
	if !ok || m.why.Load() == nil {
		return
	}
	s.Record(finding("rollout.misread", ops.Warn(fmt.Sprintf("the flag is not understood, and taken for on for everybody: %s", *m.why.Load()), "")))
}
