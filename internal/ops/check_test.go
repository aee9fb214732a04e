package ops_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

func TestAFindingStopsOnlyWhereTheCheckIsFatal(t *testing.T) {
	t.Parallel()
	finding := func(context.Context) ops.Result { return ops.Fail("91 of 100 connections in use", "close some") }
	broken := func(context.Context) ops.Result { return ops.Broken(errors.New("permission denied"), "GRANT …") }
	tests := []struct {
		name  string
		check ops.Check
		want  ops.Status
	}{
		{"fatal", ops.Check{ID: "db.x", Fatal: true, Run: finding}, ops.StatusFail},
		{"not fatal", ops.Check{ID: "db.x", Run: finding}, ops.StatusWarn},
		{"could not run, not fatal: still a failure", ops.Check{ID: "db.x", Run: broken}, ops.StatusFail},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.check.Evaluate(t.Context())
			if got.Status != tt.want {
				t.Errorf("status %s, want %s", got.Status, tt.want)
			}
			if got.ID != tt.check.ID {
				t.Errorf("id %q", got.ID)
			}
		})
	}
}

func TestACheckThatHangsIsAFailureThatSaysSo(t *testing.T) {
	t.Parallel()
	c := ops.Check{ID: "db.slow", Timeout: 10 * time.Millisecond, Run: func(ctx context.Context) ops.Result {
		<-ctx.Done()
		return ops.Broken(ctx.Err(), "")
	}}
	got := c.Evaluate(t.Context())
	if got.Status != ops.StatusFail || got.Summary != "could not be checked within 10ms" {
		t.Errorf("got %s %q", got.Status, got.Summary)
	}
}

func TestAnInterruptedCheckIsNoFinding(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	run := ops.Begin(ops.Header{}, nil, nil)
	err := run.Do(ctx, "preflight", func(ctx context.Context, s *ops.Step) error {
		return s.Check(ctx, []ops.Check{{ID: "a", Run: func(ctx context.Context) ops.Result {
			cancel()
			return ops.Broken(ctx.Err(), "")
		}}})
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err %v", err)
	}
	if n := len(run.Results()); n != 0 {
		t.Errorf("%d results recorded of a cancelled question", n)
	}
}
