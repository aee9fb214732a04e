package runbook

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
	"github.com/clipper/clipperops/internal/featureflag/flagd"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/gate"
	"github.com/clipper/clipperops/rollout/instances"
)

const (
	// DefaultPropagation is how long instances may take to follow.
	DefaultPropagation = 60 * time.Second
	// applyTimeout bounds the command that makes services read the flag again.
	applyTimeout = 2 * time.Minute
	// rolloutConnect bounds connecting to the record: less exposure must not wait for it.
	rolloutConnect = 5 * time.Second
)

// RolloutOptions are what the rollout's commands have in common.
type RolloutOptions struct {
	// Propagation is how long instances may take to follow. Default: DefaultPropagation.
	Propagation time.Duration
	// Reason is why; Force goes on without what is missing.
	Reason string
	Force  bool
}

// RolloutData is what a rollout command's JSON holds under "data".
type RolloutData struct {
	Flag  string `json:"flag"`
	Store string `json:"store"`
	// Phase is the present one, "" for none; Next the one behind it.
	Phase  string           `json:"phase"`
	Since  time.Time        `json:"since,omitzero"`
	Next   string           `json:"next,omitempty"`
	Asked  rollout.Exposure `json:"asked"`  // what the rollout left there last
	Actual rollout.Exposure `json:"actual"` // what the store holds
	Paused *rollout.Note    `json:"paused,omitempty"`
	Halted *rollout.Note    `json:"halted,omitempty"`
	// Requirements are those of moving on, Verdict theirs together.
	Requirements []rollout.Requirement `json:"requirements,omitempty"`
	Verdict      gate.Verdict          `json:"verdict,omitempty"`
	Change       *rollout.Change       `json:"change,omitempty"`
	Instances    []instances.View      `json:"instances,omitempty"`
	TookMS       float64               `json:"took_ms,omitempty"` // from the write to the last instance
}

// exposing is a rollout command under way.
type exposing struct {
	*flow
	o          RolloutOptions
	controller *rollout.Controller
	phases     rollout.Phases
	view       rollout.View
	data       *RolloutData
}

// onRollout runs body with the controller ready. Without a database the flag can still
// be turned down, where it is kept elsewhere: lax commands go on then.
func (s *Session) onRollout(ctx context.Context, command string, o RolloutOptions, lax bool, body func(context.Context, *exposing) error) *ops.Run {
	return s.conduct(ctx, command, func(ctx context.Context, f *flow) error {
		if s.Release.Rollout.Flag == "" {
			return &ops.Failure{
				Code: ops.ExitUsage, What: "the release " + s.Release.Name + " has no rollout",
				State: []string{"nothing was changed"}, Next: []string{"add rollout: to the release file"},
			}
		}
		if o.Propagation == 0 {
			o.Propagation = DefaultPropagation
		}
		e := &exposing{flow: f, o: o, phases: s.Release.Rollout.In(string(s.Config.Environment))}
		f.run.Data = (*RolloutData)(nil)
		err := f.step(ctx, "look", func(ctx context.Context, step *ops.Step) error { return e.open(ctx, step, lax) })
		if err != nil {
			return e.unlooked(ctx, err)
		}
		return body(ctx, e)
	})
}

// unlooked is the failure of a command that could not see the flag.
func (e *exposing) unlooked(ctx context.Context, err error) error {
	f := *ops.AsFailure(nothingChanged(err))
	if len(f.Next) == 0 && ctx.Err() == nil {
		f.Next = []string{"see that it answers, then the same command again"}
	}
	return &f
}

// open reads where the rollout stands.
func (e *exposing) open(ctx context.Context, s *ops.Step, lax bool) error {
	store, err := e.store()
	if err != nil {
		return err
	}
	e.controller = &rollout.Controller{
		Flag: e.Release.Rollout.Flag, Store: store, Apply: e.applier(), Timeout: e.o.Propagation, Now: e.Now,
		Instances: instances.Client{Places: e.places(e.Config.Rollout.Instances)},
		By:        e.Operator, Host: e.Host, Run: e.run.ID, Lax: lax,
	}
	err = e.openRollout(ctx)
	switch {
	case err == nil:
	case !lax || ctx.Err() != nil:
		return err
	default:
		e.controller.RecordErr = err
	}
	if e.view, err = e.controller.Look(ctx); err != nil {
		return rolloutFailure(err)
	}
	if e.controller.Record == nil {
		s.Record(finding("rollout.record", ops.Warn("where the rollout stands cannot be read: "+ops.AsFailure(e.controller.RecordErr).What, "see that the database answers; less is possible all the same, and is not recorded")))
	}
	if e.view.Note != "" {
		s.Record(finding("rollout.settled", ops.Warn(e.view.Note, "")))
	}
	if e.view.Drifted() {
		s.Record(finding("rollout.drift", ops.Warn(
			fmt.Sprintf("somebody has changed the flag behind the rollout's back: it is %s, and was left %s", stands(e.view.Actual()), stands(e.view.State.Exposure)),
			e.invocation(`rollout adopt --reason "…"`)+"\nor back: "+e.invocation(e.back()))))
	}
	e.describe()
	s.Record(finding("rollout.state", ops.Pass(e.standing())))
	return nil
}

// openRollout connects to the record, and readies it where that is allowed.
func (e *exposing) openRollout(ctx context.Context) error {
	if e.Config.TargetErr != nil {
		return e.Config.TargetErr
	}
	limited, cancel := context.WithTimeout(ctx, rolloutConnect)
	defer cancel()
	conn, err := pg.Connect(limited, e.Config.Target, pg.ConnOptions{
		Application: e.application(e.run.Command), StatementTimeout: 10 * time.Second, LockTimeout: 2 * time.Second,
	})
	if err != nil {
		return err
	}
	e.conn = conn
	e.controller.Record, err = rollout.OpenRecord(limited, conn)
	if err == nil && e.Config.Rollout.Store == "postgres" {
		err = postgres.Setup(limited, conn)
	}
	return err
}

// describe keeps what there is for the JSON document.
func (e *exposing) describe() {
	v := e.view
	e.data = &RolloutData{
		Flag: e.controller.Flag, Store: e.controller.Store.String(), Phase: v.State.Phase, Since: v.State.Since,
		Asked: v.State.Exposure, Actual: v.Actual(), Paused: v.State.Paused, Halted: v.State.Halted,
	}
	if next, ok := e.phases.Next(v.State.Phase); ok {
		e.data.Next = next.Name
	}
	e.run.Data = e.data
}

// standing is where the rollout stands, in a line.
func (e *exposing) standing() string {
	text := fmt.Sprintf("%s is %s", e.controller.Flag, stands(e.view.Actual()))
	switch s := e.view.State; {
	case e.controller.Record == nil: // nothing is known of it
	case s.Phase != "":
		text += fmt.Sprintf(", in the phase %s since %s", s.Phase, s.Since.UTC().Format("2006-01-02 15:04 UTC"))
	case s.Began.IsZero():
		text += "; the rollout was not started"
	}
	if s := e.view.State; s.Halted != nil {
		text += "; halted by a rollback"
	} else if s.Paused != nil {
		text += "; paused by " + s.Paused.By
	}
	return text
}

// store is where the flag is kept.
func (s *Session) store() (featureflag.Writer, error) {
	r, flag := s.Config.Rollout, s.Release.Rollout.Flag
	switch r.Store {
	case "envfile":
		return envfile.Open(r.File, flag), nil
	case "flagd":
		return flagd.Open(r.File, flag), nil
	case "postgres":
		if s.Config.TargetErr != nil {
			return nil, s.Config.TargetErr
		}
		c, err := pg.ConnConfig(s.Config.Target, pg.ConnOptions{Application: s.application("flag"), StatementTimeout: 5 * time.Second, LockTimeout: 2 * time.Second})
		if err != nil {
			return nil, err
		}
		return postgres.Open(c), nil
	}
	return nil, &ops.Failure{Code: ops.ExitUsage, What: fmt.Sprintf("rollout.store is %q", r.Store), State: []string{"nothing was changed"}, Next: []string{"set it to postgres, envfile or flagd"}}
}

// places are where instances are looked for.
func (s *Session) places(urls []string) instances.Places {
	return instances.Places{URLs: urls, Environ: s.Environ}
}

// applier makes services read the store again; nil where they follow it.
func (s *Session) applier() func(context.Context) error {
	command := s.Config.Rollout.Apply
	if len(command) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, applyTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Env = s.Environ
		if file := s.Config.Rollout.File; file != "" {
			cmd.Dir = filepath.Dir(file)
		}
		cmd.WaitDelay = 5 * time.Second
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		text := strings.TrimSpace(string(out))
		if len(text) > 500 {
			text = "…" + text[len(text)-500:]
		}
		if text == "" {
			return fmt.Errorf("%s: %w", strings.Join(command, " "), err)
		}
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, text)
	}
}

// rolloutFailure says what an error of the controller means for the operator.
func rolloutFailure(err error) error {
	var conflict *featureflag.Conflict
	var changed *rollout.ChangedError
	var busy *rollout.BusyError
	switch {
	case errors.As(err, &conflict):
		return &ops.Failure{
			Code: ops.ExitBusy, What: conflict.Error(), State: []string{"nothing was changed by this command"},
			Next: []string{"clipperops rollout status", "the same command again, if it is still wanted"}, Err: err,
		}
	case errors.As(err, &changed):
		return &ops.Failure{
			Code: ops.ExitBusy, What: changed.By + " has changed the rollout meanwhile", State: []string{"nothing was changed by this command"},
			Next: []string{"clipperops rollout history", "the same command again, if it is still wanted"}, Err: err,
		}
	case errors.As(err, &busy):
		return &ops.Failure{
			Code: ops.ExitBusy, What: busy.Error(), State: []string{"nothing was changed by this command"},
			Next: []string{"the same command again in a moment"}, Err: err,
		}
	}
	return err
}

// given reports whether a reason was stated where one is needed.
func (o RolloutOptions) reasoned(what string) error {
	if strings.TrimSpace(o.Reason) != "" {
		return nil
	}
	return &ops.Failure{
		Code: ops.ExitUsage, What: what + ` needs --reason "…", which is recorded`,
		State: []string{"nothing was changed"}, Next: []string{`the same command with --reason "…"`},
	}
}

// production reports whether the rollout is that of production.
func (e *exposing) production() bool { return e.Config.Environment == config.Production }

// unmet are the requirements that are not met.
func unmet(rs []rollout.Requirement) []rollout.Requirement {
	return slices.DeleteFunc(slices.Clone(rs), func(r rollout.Requirement) bool { return r.Verdict == gate.Pass })
}
