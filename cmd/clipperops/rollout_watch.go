package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

// longestEvery is the longest time between two looks that is counted whole; with a longer
// one the rules would hold for ever.
const longestEvery = 5 * time.Minute

// statusEvery is how often rollout status --watch looks.
const statusEvery = 5 * time.Second

func rolloutWatchCommand() command {
	return command{
		name:  "watch",
		usage: "watch the rollout for days, and take the feature back when a rule says so",
		description: `Goes on while paused, while a sign-off is awaited, and after the last phase. Of several
watches one acts; another takes over when it is gone. After a rollback it does not
climb again by itself: rollout resume is a person's.`,
		flags: []cli.Flag{
			&cli.DurationFlag{Name: "every", Value: runbook.DefaultTick, Usage: "how often to look"},
			&cli.BoolFlag{Name: "once", Usage: "look once, for cron"},
			&cli.BoolFlag{Name: "auto-advance", Usage: "move on when everything is there, sign-offs included"},
			&cli.StringFlag{Name: "listen", Usage: "serve /metrics and /healthz on this `ADDRESS`, e.g. 127.0.0.1:9464"},
			propagationFlag(),
		},
		examples: []string{
			"clipperops rollout watch --env production --listen 127.0.0.1:9464",
			"clipperops rollout watch --once --env production",
		},
		reports: true,
		codes:   []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted},
		action: func(i *invocation) error {
			o := runbook.RolloutWatchOptions{
				Every: i.Duration("every"), Once: i.Bool("once"), AutoAdvance: i.Bool("auto-advance"), Listen: i.String("listen"),
				Log: i.process.out, Propagation: i.Duration("propagation-timeout"),
			}
			if i.json() {
				o.Log = i.process.err // the document is alone on stdout
			}
			if o.Every < time.Second {
				return usageError(i.path, "--every must be at least 1s, not %s", o.Every)
			}
			if o.Every > longestEvery {
				return usageError(i.path, "--every must be at most %v, not %v: of what happens between two looks no more than that is counted", longestEvery, o.Every)
			}
			if o.Listen != "" && !isListenAddress(o.Listen) {
				return usageError(i.path, "--listen %q is no address: HOST:PORT, e.g. 127.0.0.1:9464", o.Listen)
			}
			return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run { return runbook.RolloutWatch(ctx, s, o) })
		},
	}
}

// isListenAddress reports whether the text has a port, by its number.
func isListenAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// watchStatus shows the status again and again, until Ctrl-C.
func (i *invocation) watchStatus() error {
	s, err := i.session()
	if err != nil {
		return err
	}
	ctx, cancel := i.deadline()
	defer cancel()
	for {
		run := runbook.RolloutStatus(ctx, s, runbook.RolloutOptions{})
		if code := i.printDocument(run); code == ops.ExitUsage || code != run.ExitCode() {
			return shownError{code}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(statusEvery):
		}
		if _, err := fmt.Fprintln(i.process.out); err != nil {
			return nil // whoever read it has gone
		}
	}
}
