package main

import (
	"context"
	"time"

	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func historyCommand() command {
	return command{
		name:  "history",
		usage: "who did what to this database, when, from where, and how it ended",
		flags: []cli.Flag{
			&cli.IntFlag{Name: "limit", Value: 20, Usage: "how many runs to show, newest first; default 20"},
		},
		examples: []string{
			"clipperops history --env production",
			"clipperops history --limit 100 --output json",
		},
		codes: []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted},
		action: func(i *invocation) error {
			limit := i.Int("limit")
			if limit < 1 {
				return usageError(i.path, "--limit must be at least 1, not %d", limit)
			}
			return lists(func(ctx context.Context, s *runbook.Session) ([]ledger.Entry, error) {
				return runbook.History(ctx, s, limit)
			}, historyList)(i)
		},
	}
}

func historyList(entries []ledger.Entry) reports.List {
	l := reports.List{
		Items:   entries,
		Columns: []string{"began", "who", "command", "environment", "outcome", "took", "rehearsal", "report", "run"},
		Empty:   "no run is recorded in this database yet",
	}
	for _, e := range entries {
		took := ""
		if e.DurationMS != nil {
			took = reports.Duration(time.Duration(*e.DurationMS) * time.Millisecond)
		}
		l.Rows = append(l.Rows, []string{
			e.Started.Format("2006-01-02 15:04:05 UTC"), e.Operator + "@" + e.Host, e.Command, e.Environment,
			string(e.Outcome), took, rehearsalIn(e), e.Report, e.ID,
		})
	}
	return l
}

// rehearsalIn is how a run's rehearsal ended, or with what reason there was none; "" where
// the run has none to speak of.
func rehearsalIn(e ledger.Entry) string {
	if e.Summary == nil {
		return ""
	}
	for _, f := range e.Summary.Findings {
		if f.ID == ledger.Rehearsal {
			return f.Summary
		}
	}
	for _, s := range e.Summary.Steps {
		if s.Name == ledger.Rehearsal && s.Status == ops.StatusFail {
			return "stopped the run"
		}
	}
	return ""
}
