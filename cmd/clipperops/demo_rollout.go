package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/runbook"
)

const (
	// demoSoak is how long a phase lasts in the demo, for two days.
	demoSoak = 4 * time.Second
	// demoRounds is how often everybody bans somebody before the demo gives up waiting.
	demoRounds = 9
)

// rollout is the last act: the service runs, the feature is exposed phase by phase,
// Twitch begins to fail, and the watch takes the feature back.
func (d *demo) rollout(ctx context.Context) (err error) {
	api, twitch := d.programs()
	if api == "" {
		d.say("(the rollout is left out: moderation-api and fake-twitch are not beside clipperops; make build makes them)")
		return nil
	}
	d.say("(the moderation API starts: two instances, and a stand-in for Twitch)")
	people, err := d.broadcasters(ctx)
	if err != nil {
		return err
	}
	sessions := filepath.Join(d.sandbox.Dir, "twitch-sessions")
	if err := writeSessions(sessions, people); err != nil {
		return err
	}
	s, err := d.startService(ctx, api, twitch, sessions)
	defer func() { err = errors.Join(err, s.stop()) }()
	if err != nil {
		return err
	}
	if err := s.introduce(ctx, people); err != nil {
		return err
	}
	d.exposeIn(s)
	return (&exposure{demo: d, service: s, people: people}).tell(ctx)
}

// exposeIn makes the session one that rolls out on the service, in seconds.
func (d *demo) exposeIn(s *service) {
	session, settings := *d.session, *d.session.Config
	settings.Rollout = config.Rollout{
		Store: "postgres", Instances: s.instances, Metrics: config.Metrics{Dir: filepath.Join(d.sandbox.Dir, "metrics")},
	}
	session.Config, session.Release = &settings, quickly(session.Release, string(settings.Environment))
	d.session = &session
}

// quickly is the release with phases of seconds, and budgets that so short a time can
// fill. What the real ones need is in docs/gates.md.
func quickly(r *release.Release, environment string) *release.Release {
	quick := *r
	var phases []release.Phase
	for _, p := range r.Rollout.In("production") {
		p.Environment, p.Samples, p.Entry, p.SignOffs = environment, min(p.Samples, 20), nil, nil
		p.Gates = slices.DeleteFunc(slices.Clone(p.Gates), func(id string) bool { return id != "errors" && id != "errors-beta" && id != "audit" })
		if p.Soak.Least > 0 {
			p.Soak = release.Soak{Least: demoSoak, Most: time.Minute}
			p.SignOffs = []string{"no-critical-bugs"}
		}
		phases = append(phases, p)
	}
	quick.Rollout.Phases = phases
	quick.Rollout.Gates = slices.Clone(r.Rollout.Gates)
	for i := range quick.Rollout.Gates {
		g := &quick.Rollout.Gates[i]
		g.Budgets = slices.Clone(g.Budgets)
		for j := range g.Budgets {
			g.Budgets[j].Below = "15%"
		}
	}
	return &quick
}

// exposure is the act under way.
type exposure struct {
	*demo
	service *service
	people  []broadcaster
	seq     int
}

func (e *exposure) tell(ctx context.Context) error {
	var named []string
	for _, p := range e.people[:6] {
		named = append(named, p.id)
	}
	for _, chapter := range []func(context.Context) error{
		e.command("rollout users add "+named[0]+" … (6 broadcasters)", func(ctx context.Context, s *runbook.Session) *ops.Run {
			return runbook.RolloutUsers(ctx, s, named, nil, runbook.RolloutOptions{})
		}),
		e.command("rollout start", func(ctx context.Context, s *runbook.Session) *ops.Run {
			return runbook.RolloutStart(ctx, s, runbook.RolloutOptions{})
		}),
		e.notYet,
		func(ctx context.Context) error { return e.phase(ctx, 4) },
		e.command("rollout advance", advance),
		func(ctx context.Context) error { return e.phase(ctx, 2) },
		e.command("rollout advance", advance),
		e.takenBack,
		e.command("rollout status", func(ctx context.Context, s *runbook.Session) *ops.Run {
			return runbook.RolloutStatus(ctx, s, runbook.RolloutOptions{})
		}),
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

func advance(ctx context.Context, s *runbook.Session) *ops.Run {
	return runbook.RolloutAdvance(ctx, s, runbook.RolloutOptions{})
}

// notYet tries to go on too early, which is refused.
func (e *exposure) notYet(ctx context.Context) error {
	e.say("$ clipperops rollout set 50")
	run := runbook.RolloutSet(ctx, e.session, 50_00, runbook.RolloutOptions{})
	if code := run.ExitCode(); code != ops.ExitRefused {
		return shownError{code}
	}
	return nil
}

// phase lets a phase pass: it is looked at once, so that counting begins; people moderate
// at least so often; somebody signs off; and the time is awaited.
func (e *exposure) phase(ctx context.Context, rounds int) error {
	began := time.Now()
	quiet := *e.session
	quiet.Sink = ops.Discard
	if run := runbook.RolloutGate(ctx, &quiet, runbook.RolloutOptions{}); ctx.Err() != nil {
		return shownError{run.ExitCode()}
	}
	e.moderate(ctx, rounds)
	if err := e.command(`rollout signoff no-critical-bugs --by maria`, func(ctx context.Context, s *runbook.Session) *ops.Run {
		return runbook.RolloutSignOff(ctx, s, runbook.SignOff{Criterion: "no-critical-bugs", By: "maria"}, runbook.RolloutOptions{})
	})(ctx); err != nil {
		return err
	}
	select {
	case <-time.After(time.Until(began.Add(demoSoak))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// moderate has everybody ban somebody, so many times, and says how that went.
func (e *exposure) moderate(ctx context.Context, rounds int) map[string]int {
	answers := map[string]int{}
	for range rounds {
		e.seq++
		for code, n := range e.service.moderate(ctx, e.people, e.seq) {
			answers[code] += n
		}
	}
	var words []string
	for _, code := range slices.Sorted(maps.Keys(answers)) {
		what := code
		if code == "" {
			what = "done"
		}
		words = append(words, fmt.Sprintf("%d %s", answers[code], what))
	}
	e.say("(broadcasters ban: " + strings.Join(words, ", ") + ")")
	return answers
}

// takenBack has Twitch fail while the watch looks, until the feature is off.
func (e *exposure) takenBack(ctx context.Context) error {
	e.say("$ clipperops rollout watch --every 1s")
	watched, stop := context.WithCancel(ctx)
	ended := make(chan *ops.Run, 1)
	go func() {
		ended <- runbook.RolloutWatch(watched, e.session, runbook.RolloutWatchOptions{Every: time.Second, Log: e.process.err})
	}()
	defer func() { stop(); <-ended }()
	select { // its first look, from which it counts
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	e.say("(Twitch begins to fail)")
	if err := e.service.tell(ctx, http.MethodPost, "/_control/faults", map[string]any{"kind": "status", "status": 503}); err != nil {
		return err
	}
	for range demoRounds {
		if answers := e.moderate(ctx, 1); answers["FEATURE_DISABLED"] == len(e.people) {
			e.say("(the feature is off: nobody asks Twitch any more)")
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("the watch did not take the feature back; that should not have happened")
}
