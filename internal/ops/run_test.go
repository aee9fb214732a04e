package ops_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/google/go-cmp/cmp"
)

func TestExitCodeOfARunFollowsItsErrorThenItsResults(t *testing.T) {
	t.Parallel()
	refused := &ops.Failure{Code: ops.ExitRefused, What: "not confirmed"}
	tests := []struct {
		name    string
		results []ops.Result
		err     error
		code    ops.ExitCode
		outcome ops.Outcome
	}{
		{"nothing found", []ops.Result{ops.Pass("fine")}, nil, ops.ExitDone, ops.OutcomePass},
		{"no results at all", nil, nil, ops.ExitDone, ops.OutcomePass},
		{"a warning is done", []ops.Result{ops.Warn("hm", "look")}, nil, ops.ExitDone, ops.OutcomeWarn},
		{"a skip is a pass", []ops.Result{ops.Skip("not here")}, nil, ops.ExitDone, ops.OutcomePass},
		{"a failed check", []ops.Result{ops.Pass("a"), ops.Fail("b", "c")}, nil, ops.ExitChecks, ops.OutcomeFail},
		{"refused", nil, refused, ops.ExitRefused, ops.OutcomeRefused},
		{"refused, wrapped", nil, fmt.Errorf("migrate: %w", refused), ops.ExitRefused, ops.OutcomeRefused},
		{"interrupted", nil, context.Canceled, ops.ExitInterrupted, ops.OutcomeInterrupted},
		{"interrupted inside a failure", nil, &ops.Failure{What: "stopped", Err: context.Canceled}, ops.ExitInterrupted, ops.OutcomeInterrupted},
		{"failure around a busy failure", nil, &ops.Failure{What: "x", Err: &ops.Failure{Code: ops.ExitBusy}}, ops.ExitBusy, ops.OutcomeBusy},
		{"a warning does not soften an error", []ops.Result{ops.Warn("hm", "look")}, errors.New("broken"), ops.ExitFailed, ops.OutcomeFail},
		{"the operation's error outranks failed checks", []ops.Result{ops.Fail("a", "b")}, errors.New("broken"), ops.ExitFailed, ops.OutcomeFail},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			run := ops.Begin(ops.Header{}, nil, nil)
			if err := run.Do(t.Context(), "step", func(_ context.Context, s *ops.Step) error {
				for _, r := range tt.results {
					s.Record(r)
				}
				return tt.err
			}); !errors.Is(err, tt.err) {
				t.Fatalf("Do returned %v, want %v", err, tt.err)
			}
			run.Finish(tt.err)
			if got := run.ExitCode(); got != tt.code {
				t.Errorf("exit code %d, want %d", got, tt.code)
			}
			if got := run.Outcome(); got != tt.outcome {
				t.Errorf("outcome %s, want %s", got, tt.outcome)
			}
		})
	}
}

func TestEventsArriveInOrderWithDurations(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 2, 13, 3, 15, 0, 0, time.UTC)
	now := func() time.Time { clock = clock.Add(time.Second); return clock }
	var kinds []ops.EventKind
	run := ops.Begin(ops.Header{ID: "1"}, ops.SinkFunc(func(e ops.Event) { kinds = append(kinds, e.Kind) }), now)
	err := run.Do(t.Context(), "backup", func(_ context.Context, s *ops.Step) error {
		s.Progress(ops.Progress{Label: "pg_dump", Done: 1, Unit: ops.UnitBytes})
		s.Note("waiting")
		s.Record(ops.Pass("done"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	run.Finish(nil)
	run.Announce()
	want := []ops.EventKind{
		ops.EventRunStarted, ops.EventStepStarted, ops.EventProgress, ops.EventNote,
		ops.EventResult, ops.EventStepEnded, ops.EventRunEnded,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	if run.Took <= 0 || run.Steps[0].Took <= 0 {
		t.Errorf("durations %v and %v are not positive", run.Took, run.Steps[0].Took)
	}
}

func TestAStepIsNotBegunAfterAnInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	run := ops.Begin(ops.Header{}, nil, nil)
	err := run.Do(ctx, "apply", func(context.Context, *ops.Step) error {
		t.Error("the step ran")
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(run.Steps) != 0 {
		t.Errorf("err %v, %d steps", err, len(run.Steps))
	}
}

func TestEveryExitCodeHasOneMeaning(t *testing.T) {
	t.Parallel()
	seen := map[ops.ExitCode]bool{}
	for _, row := range ops.ExitCodes {
		if seen[row.Code] || row.Means == "" {
			t.Errorf("code %d stands twice or means nothing", row.Code)
		}
		seen[row.Code] = true
		if row.Code.Outcome() != row.Outcome {
			t.Errorf("code %d: outcome %s", row.Code, row.Code.Outcome())
		}
	}
}
