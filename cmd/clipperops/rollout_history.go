package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func rolloutHistoryCommand() command {
	return command{
		name:     "history",
		usage:    "who changed the exposure, when and why",
		flags:    []cli.Flag{&cli.IntFlag{Name: "limit", Value: 50, Usage: "how many events to show, newest first; default 50"}},
		examples: []string{"clipperops rollout history --env production"},
		codes:    lookingCodes,
		action: func(i *invocation) error {
			limit := i.Int("limit")
			if limit < 1 {
				return usageError(i.path, "--limit must be at least 1, not %d", limit)
			}
			return lists(func(ctx context.Context, s *runbook.Session) ([]rollout.Event, error) {
				return runbook.RolloutHistory(ctx, s, limit)
			}, eventList)(i)
		},
	}
}

func eventList(events []rollout.Event) reports.List {
	l := reports.List{Items: events, Columns: []string{"at", "who", "what", "exposure", "phase", "why"}, Empty: "nothing was done to the rollout yet"}
	for _, e := range events {
		what := string(e.Kind)
		if e.Forced {
			what += ", forced"
		}
		if e.Rule != "" {
			what += " (" + e.Rule + ")"
		}
		exposure := ""
		if e.From != nil && e.To != nil {
			from, to := e.From.Apart(*e.To)
			exposure = from + " → " + to
			if e.Kind == rollout.KindUsers { // the exposure may be off, and the names are not seen in it
				exposure = fmt.Sprintf("%d → %d users named", len(e.From.Users), len(e.To.Users))
			}
		}
		who := e.By
		if e.Host != "" {
			who += "@" + e.Host
		}
		why := slices.DeleteFunc([]string{e.Reason, e.Text, renamed(e)}, func(text string) bool { return text == "" })
		l.Rows = append(l.Rows, []string{e.At.UTC().Format("2006-01-02 15:04:05 UTC"), who, what, exposure, e.Phase, strings.Join(why, "; ")})
	}
	return l
}

// renamed is who was named by an event and who is no more.
func renamed(e rollout.Event) string {
	if e.From == nil || e.To == nil {
		return ""
	}
	var words []string
	for _, c := range []struct {
		what      string
		then, now []string
	}{{"named ", e.From.Users, e.To.Users}, {"no more named ", e.To.Users, e.From.Users}} {
		others := slices.DeleteFunc(slices.Clone(c.now), func(id string) bool { return slices.Contains(c.then, id) })
		if len(others) > 0 {
			words = append(words, c.what+runbook.Listed(others))
		}
	}
	return strings.Join(words, "; ")
}
