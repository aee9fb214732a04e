package runbook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/rollout"
	"github.com/clipper/clipperops/rollout/gate"
	"github.com/clipper/clipperops/rollout/instances"
)

const (
	// DefaultPropagation is how long instances may take to follow.
	DefaultPropagation = 60 * time.Second
	// applyTimeout bounds the command that makes services read the flag again.
	applyTimeout = 2 * time.Minute
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
	// Alerts are those that the watch has on; status tells them.
	Alerts []rollout.On `json:"alerts,omitempty"`
	// Requirements are those of moving on, Verdict theirs together.
	Requirements []rollout.Requirement `json:"requirements,omitempty"`
	Verdict      gate.Verdict          `json:"verdict,omitempty"`
	Change       *rollout.Change       `json:"change,omitempty"`
	Instances    []instances.View      `json:"instances,omitempty"`
	TookMS       float64               `json:"took_ms,omitempty"` // from the write to the last instance
}

// manner is what a rollout command can do without, and whether it changes anything.
type manner struct {
	lax   bool // goes on without the record: less must be possible
	reads bool // makes and records nothing, and needs no right to
	off   bool // is the kill switch: when it fails, what else there is is said
}

// exposing is a rollout command under way.
type exposing struct {
	*flow
	o          RolloutOptions
	manner     manner
	controller *rollout.Controller
	phases     rollout.Phases
	view       rollout.View
	data       *RolloutData
}

// onRollout runs body with the controller ready. Without a database the flag can still
// be turned down, where it is kept elsewhere: lax commands go on then.
func (s *Session) onRollout(ctx context.Context, command string, o RolloutOptions, m manner, body func(context.Context, *exposing) error) *ops.Run {
	return s.conduct(ctx, command, func(ctx context.Context, f *flow) error {
		if err := s.hasRollout(); err != nil {
			return err
		}
		if o.Propagation == 0 {
			o.Propagation = DefaultPropagation
		}
		e := &exposing{flow: f, o: o, manner: m, phases: s.Release.Rollout.In(string(s.Config.Environment))}
		f.run.Data = (*RolloutData)(nil)
		err := f.step(ctx, "look", func(ctx context.Context, step *ops.Step) error {
			if err := e.open(ctx, step); err != nil {
				return e.unlooked(ctx, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return body(ctx, e)
	})
}

// open reads where the rollout stands.
func (e *exposing) open(ctx context.Context, s *ops.Step) error {
	store, err := e.store()
	if err != nil {
		return err
	}
	if e.manner.reads {
		store = unmade{store}
	}
	e.controller = &rollout.Controller{
		Flag: e.Release.Rollout.Flag, Store: store, Apply: e.applier(), Timeout: e.o.Propagation, Now: e.Now, RecordTime: e.RecordTime,
		Instances: instances.Client{Places: e.places(e.Config.Rollout.Instances)},
		By:        e.Operator, Host: e.Host, Run: e.run.ID, Lax: e.manner.lax, Reads: e.manner.reads,
	}
	err = e.openRollout(ctx)
	switch {
	case err == nil:
	case !e.manner.lax || ctx.Err() != nil:
		return err
	default:
		e.controller.RecordErr = err
	}
	if e.view, err = e.controller.Look(ctx); err != nil {
		return e.rolloutFailure(err)
	}
	e.misread(s)
	if e.controller.Record == nil {
		s.Record(finding("rollout.record", e.withoutRecord()))
	}
	if apart := e.controller.ClocksApart(); apart != "" {
		s.Record(finding("rollout.clock", ops.Warn(apart+": what is recorded has the database's time, and metrics are asked by this machine's", "set the clock: timedatectl set-ntp true")))
	}
	if e.view.Note != "" {
		s.Record(finding("rollout.settled", ops.Warn(e.view.Note, "")))
	}
	if e.view.Drifted() {
		s.Record(finding("rollout.drift", ops.Warn(
			"somebody has changed the flag behind the rollout's back: "+e.drift(), strings.Join(e.driftedNext(), "\n"))))
	}
	e.describe()
	s.Record(finding("rollout.state", ops.Pass(e.standing())))
	return nil
}

// openRollout connects to the record, and readies it for what is to be written.
func (e *exposing) openRollout(ctx context.Context) error {
	if e.Config.TargetErr != nil {
		return e.Config.TargetErr
	}
	limited, cancel := context.WithTimeout(ctx, rolloutConnect)
	defer cancel()
	conn, err := e.connectRecord(limited, e.run.Command, e.manner.reads)
	if err != nil {
		return err
	}
	e.conn = conn
	if e.manner.reads {
		e.controller.Record = rollout.PeekRecord(conn)
		return nil
	}
	if e.controller.Record, err = e.readyRecord(limited, conn); err != nil {
		return e.unready(limited, conn, err)
	}
	return nil
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
	case e.view.Actual().Enabled:
		text += ", in no phase"
	}
	if s := e.view.State; s.Halted != nil {
		text += "; halted by a rollback"
	} else if s.Paused != nil {
		text += "; paused by " + s.Paused.By
	}
	return text
}

// production reports whether the rollout is that of production.
func (e *exposing) production() bool { return e.Config.Environment == config.Production }

// unmet are the requirements that are not met.
func unmet(rs []rollout.Requirement) []rollout.Requirement {
	return slices.DeleteFunc(slices.Clone(rs), func(r rollout.Requirement) bool { return r.Verdict == gate.Pass })
}
