package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/runbook"
	"github.com/urfave/cli/v2"
)

func rolloutCommand() command {
	return command{
		name:  "rollout",
		usage: "expose the feature to more users, phase by phase, and take it back",
		description: `More has to be earned: a phase's time, its metrics, what people sign off. Less is
always possible, at once: rollout set N, rollout off.`,
		subcommands: []command{
			rolloutPlanCommand(), rolloutStatusCommand(), rolloutStartCommand(), rolloutGateCommand(), rolloutAdvanceCommand(),
			rolloutSetCommand(), rolloutOffCommand(), rolloutPauseCommand(), rolloutResumeCommand(), rolloutUsersCommand(),
			rolloutSignOffCommand(), rolloutAdoptCommand(), rolloutHistoryCommand(), rolloutWatchCommand(),
		},
	}
}

// The codes of commands that change the exposure, and of those that look.
var (
	exposureCodes = []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitRefused, ops.ExitBusy, ops.ExitInterrupted}
	lookingCodes  = []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitInterrupted}
)

func propagationFlag() cli.Flag {
	return &cli.DurationFlag{Name: "propagation-timeout", Value: runbook.DefaultPropagation, Usage: "how long instances may take to follow"}
}

func rolloutReasonFlag() cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "why: a `TEXT` that is recorded"}
}

func forceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "force", Usage: "go on without what is missing; needs --reason, and is recorded"}
}

// rolloutOptions reads them.
func (i *invocation) rolloutOptions() (runbook.RolloutOptions, error) {
	o := runbook.RolloutOptions{Propagation: i.Duration("propagation-timeout"), Reason: i.String("reason"), Force: i.Bool("force")}
	if o.Propagation < 0 {
		return o, usageError(i.path, "--propagation-timeout must not be negative")
	}
	if o.Force && strings.TrimSpace(o.Reason) == "" {
		return o, usageError(i.path, `--force needs --reason "…", which is recorded`)
	}
	return o, nil
}

// rolloutFlow conducts a flow that takes the rollout's options alone.
func rolloutFlow(flow func(context.Context, *runbook.Session, runbook.RolloutOptions) *ops.Run) func(*invocation) error {
	return func(i *invocation) error {
		o, err := i.rolloutOptions()
		if err != nil {
			return err
		}
		return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run { return flow(ctx, s, o) })
	}
}

func rolloutStatusCommand() command {
	return command{
		name:     "status",
		usage:    "phase, percentage, instances, and what moving on still needs, with its evidence",
		flags:    []cli.Flag{&cli.BoolFlag{Name: "watch", Usage: "again every few seconds, until Ctrl-C"}},
		examples: []string{"clipperops rollout status --env production"},
		reports:  true, codes: lookingCodes,
		action: func(i *invocation) error {
			if i.Bool("watch") {
				return i.watchStatus()
			}
			return rolloutFlow(runbook.RolloutStatus)(i)
		},
	}
}

func rolloutStartCommand() command {
	return command{
		name:  "start",
		usage: "begin the first phase of the environment",
		flags: []cli.Flag{propagationFlag(), forceFlag(), rolloutReasonFlag()},
		examples: []string{
			"clipperops rollout users add 6f1c… 93aa… --env production",
			"clipperops rollout start --env production",
		},
		reports: true, codes: exposureCodes,
		action: rolloutFlow(runbook.RolloutStart),
	}
}

func rolloutGateCommand() command {
	return command{
		name:     "gate",
		usage:    "judge now whether the phase is over; changes nothing",
		examples: []string{"clipperops rollout gate --env production; case $? in 0) echo over;; 3) echo no;; 5) echo not yet;; esac"},
		reports:  true,
		codes:    []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitChecks, ops.ExitInconclusive, ops.ExitInterrupted},
		action:   rolloutFlow(runbook.RolloutGate),
	}
}

func rolloutAdvanceCommand() command {
	return command{
		name:        "advance",
		usage:       "move on to the next phase, when this one is over",
		description: "Refused when time, samples, gates or sign-offs are missing, saying which, and when they can be there.",
		flags:       []cli.Flag{propagationFlag(), forceFlag(), rolloutReasonFlag()},
		examples:    []string{"clipperops rollout advance --env production"},
		reports:     true, codes: exposureCodes,
		action: rolloutFlow(runbook.RolloutAdvance),
	}
}

func rolloutSetCommand() command {
	return command{
		name:  "set",
		usage: "set the percentage: to more when the phase is over, to less always",
		description: `To more: only the next phase's percentage, under the rules of rollout advance, or
with --force. To less: any value, at once. set 0 keeps the named users; rollout off
takes it from them too.`,
		argsUsage: "PERCENTAGE", minArgs: 1, maxArgs: 1,
		flags: []cli.Flag{propagationFlag(), forceFlag(), rolloutReasonFlag()},
		examples: []string{
			"clipperops rollout set 50 --env production",
			"clipperops rollout set 25 --env production",
			`clipperops rollout set 50 --env staging --force --reason "load test"`,
		},
		reports: true, codes: exposureCodes,
		action: func(i *invocation) error {
			text := strings.TrimSuffix(i.Args().First(), "%")
			to, err := featureflag.ParsePercentage(text)
			if err != nil {
				return usageError(i.path, "%q: %s", i.Args().First(), err)
			}
			o, err := i.rolloutOptions()
			if err != nil {
				return err
			}
			return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run { return runbook.RolloutSet(ctx, s, to, o) })
		},
	}
}

func rolloutOffCommand() command {
	return command{
		name:        "off",
		usage:       "the kill switch: off for everybody, now",
		description: "Asks nothing, waits for no gate and no other operator, and works while the record's database is away\nwhere the flag is kept elsewhere. It says how many instances confirm, and how long that took.",
		flags:       []cli.Flag{propagationFlag(), rolloutReasonFlag()},
		examples:    []string{"clipperops rollout off --env production"},
		reports:     true, codes: exposureCodes,
		action: rolloutFlow(runbook.RolloutOff),
	}
}

func rolloutPauseCommand() command {
	return command{
		name:     "pause",
		usage:    "stay in this phase; exposure stays, and is still watched",
		flags:    []cli.Flag{rolloutReasonFlag()},
		examples: []string{`clipperops rollout pause --reason "release freeze" --env production`},
		reports:  true, codes: exposureCodes,
		action: rolloutFlow(runbook.RolloutPause),
	}
}

func rolloutResumeCommand() command {
	return command{
		name:     "resume",
		usage:    "go on after a pause, or after a rollback that nobody asked for",
		flags:    []cli.Flag{rolloutReasonFlag()},
		examples: []string{`clipperops rollout resume --reason "fixed in 1.4.2" --env production`},
		reports:  true, codes: exposureCodes,
		action: rolloutFlow(runbook.RolloutResume),
	}
}

func rolloutUsersCommand() command {
	users := func(name, usage string, flow func(context.Context, *runbook.Session, []string, runbook.RolloutOptions) *ops.Run) command {
		return command{
			name: name, usage: usage, argsUsage: "ID…", minArgs: 1, maxArgs: featureflag.MaxUsers,
			flags:    []cli.Flag{propagationFlag(), forceFlag(), rolloutReasonFlag()},
			examples: []string{"clipperops rollout users " + name + " 7c9e6679-7425-40de-944b-e07fc1f90ae7 --env production"},
			reports:  true, codes: exposureCodes,
			action: func(i *invocation) error {
				o, err := i.rolloutOptions()
				if err != nil {
					return err
				}
				ids := i.Args().Slice()
				return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run { return flow(ctx, s, ids, o) })
			},
		}
	}
	return command{
		name:  "users",
		usage: "who has the feature by name, whatever the percentage",
		subcommands: []command{
			users("add", "name users", func(ctx context.Context, s *runbook.Session, ids []string, o runbook.RolloutOptions) *ops.Run {
				return runbook.RolloutUsers(ctx, s, ids, nil, o)
			}),
			users("remove", "take names back", func(ctx context.Context, s *runbook.Session, ids []string, o runbook.RolloutOptions) *ops.Run {
				return runbook.RolloutUsers(ctx, s, nil, ids, o)
			}),
			{
				name: "list", usage: "who is named", codes: lookingCodes,
				examples: []string{"clipperops rollout users list --env production"},
				action: func(i *invocation) error {
					s, err := i.session()
					if err != nil {
						return err
					}
					ctx, cancel := i.deadline()
					defer cancel()
					ids, err := runbook.RolloutUsersNow(ctx, s)
					if err != nil {
						return err
					}
					l := reports.List{Items: ids, Columns: []string{"user"}, Empty: "nobody is named"}
					for _, id := range ids {
						l.Rows = append(l.Rows, []string{id})
					}
					return i.list(l)
				},
			},
		},
	}
}

func rolloutSignOffCommand() command {
	return command{
		name:        "signoff",
		usage:       "vouch for a criterion that no metric knows",
		description: "It counts for the phase the rollout is in, and for as long as it stays there.",
		argsUsage:   "CRITERION", minArgs: 1, maxArgs: 1,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "by", Usage: "`WHO` vouches; default the operator"},
			&cli.StringFlag{Name: "note", Usage: "a `TEXT` that is recorded: where to look"},
		},
		examples: []string{`clipperops rollout signoff no-critical-bugs --by maria --note "triage of 18 January" --env production`},
		reports:  true, codes: exposureCodes,
		action: func(i *invocation) error {
			sign := runbook.SignOff{Criterion: i.Args().First(), By: strings.TrimSpace(i.String("by")), Note: i.String("note")}
			if sign.By == "" {
				sign.By = i.operator()
			}
			return i.conduct(func(ctx context.Context, s *runbook.Session) *ops.Run {
				return runbook.RolloutSignOff(ctx, s, sign, runbook.RolloutOptions{})
			})
		},
	}
}

func rolloutAdoptCommand() command {
	return command{
		name:     "adopt",
		usage:    "take what somebody set by hand for the rollout's own",
		flags:    []cli.Flag{propagationFlag(), rolloutReasonFlag()},
		examples: []string{`clipperops rollout adopt --reason "set by hand during the incident" --env production`},
		reports:  true, codes: exposureCodes,
		action: rolloutFlow(runbook.RolloutAdopt),
	}
}

func rolloutPlanCommand() command {
	return command{
		name:     "plan",
		usage:    "the phases: what is done, now, next",
		examples: []string{"clipperops rollout plan --env production"},
		codes:    lookingCodes,
		action: func(i *invocation) error {
			s, err := i.session()
			if err != nil {
				return err
			}
			ctx, cancel := i.deadline()
			defer cancel()
			lines, err := runbook.RolloutPlan(ctx, s)
			if err != nil {
				return err
			}
			return i.list(planList(lines))
		},
	}
}

func planList(lines []runbook.PhaseLine) reports.List {
	l := reports.List{
		Items:   lines,
		Columns: []string{"phase", "state", "environment", "exposure", "soak", "gates", "sign-offs"},
		Empty:   "the release has no phases",
	}
	marks := map[string]string{"done": "✓ done", "now": "▶ now", "next": "next", "later": "", "elsewhere": "elsewhere"}
	for _, p := range lines {
		exposure := p.Percentage + "%"
		if p.Users.Most > 0 {
			exposure += fmt.Sprintf(" and %d–%d users", p.Users.Least, p.Users.Most)
		}
		soak := "ongoing"
		if p.Soak.Most > 0 {
			soak = soakText(p.Soak)
		}
		l.Rows = append(l.Rows, []string{
			p.Name, marks[p.State], p.Environment, exposure, soak, strings.Join(p.Gates, " "), strings.Join(append(append([]string{}, p.Entry...), p.SignOffs...), " "),
		})
	}
	return l
}

// soakText is "48–72 h", and with minutes where a phase is that short.
func soakText(s release.Soak) string {
	if s.Least%time.Hour == 0 && s.Most%time.Hour == 0 {
		return fmt.Sprintf("%d–%d h", s.Least/time.Hour, s.Most/time.Hour)
	}
	return fmt.Sprintf("%s–%s", reports.Duration(s.Least), reports.Duration(s.Most))
}

func rolloutHistoryCommand() command {
	return command{
		name:     "history",
		usage:    "who changed the exposure, when and why",
		flags:    []cli.Flag{&cli.IntFlag{Name: "limit", Value: 50, Usage: "how many events to show, newest first"}},
		examples: []string{"clipperops rollout history --env production"},
		codes:    lookingCodes,
		action: func(i *invocation) error {
			limit := i.Int("limit")
			if limit < 1 {
				return usageError(i.path, "--limit must be at least 1, not %d", limit)
			}
			s, err := i.session()
			if err != nil {
				return err
			}
			ctx, cancel := i.deadline()
			defer cancel()
			events, err := runbook.RolloutHistory(ctx, s, limit)
			if err != nil {
				return err
			}
			return i.list(eventList(events))
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
			exposure = e.From.String() + " → " + e.To.String()
			if e.Kind == rollout.KindUsers { // the exposure may be off, and the names are not seen in it
				exposure = fmt.Sprintf("%d → %d users named", len(e.From.Users), len(e.To.Users))
			}
		}
		who := e.By
		if e.Host != "" {
			who += "@" + e.Host
		}
		why := strings.TrimPrefix(strings.TrimPrefix(e.Reason+"; "+e.Text, "; "), " ")
		l.Rows = append(l.Rows, []string{e.At.UTC().Format("2006-01-02 15:04:05 UTC"), who, what, exposure, e.Phase, strings.TrimSuffix(why, "; ")})
	}
	return l
}
