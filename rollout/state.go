package rollout

import (
	"slices"
	"time"

	"github.com/clipper/clipperops/rollout/gate"
)

// State is where a rollout stands. It is read and written whole.
type State struct {
	// Flag is the flag's key, Version the state's own: who writes must have read it.
	Flag    string `json:"flag"`
	Version int64  `json:"-"`
	// Phase is the present one's name; "" before the start and while the feature is off.
	Phase string `json:"phase"`
	// Began is when the rollout was first started, Since when the present stay in the
	// phase began, Clean since when what is counted belongs to it: resuming begins anew.
	Began time.Time `json:"began,omitzero"`
	Since time.Time `json:"since,omitzero"`
	Clean time.Time `json:"clean,omitzero"`
	// Been are the phases that were gone through since the start, and left.
	Been []string `json:"been,omitempty"`
	// Exposure is what was last asked of the store, Known whether anything ever was.
	Exposure Exposure `json:"exposure"`
	Known    bool     `json:"known"`
	// Pending is a change that was begun and not recorded as done.
	Pending *Change `json:"pending,omitempty"`
	// Paused keeps the rollout from moving on; Halted does too, after a rollback that
	// nobody asked for.
	Paused *Note `json:"paused,omitempty"`
	Halted *Note `json:"halted,omitempty"`
	// Untold is the rollback that halted it, until people were told of it.
	Untold *Change `json:"untold,omitempty"`
	// Asked is when the gates were last asked whether to move on without a person.
	Asked *Asked `json:"asked,omitempty"`
	// SignOffs are all that were given and not voided.
	SignOffs []Signature `json:"sign_offs,omitempty"`
}

// Asked is what the gates answered.
type Asked struct {
	At      time.Time    `json:"at"`
	Clean   time.Time    `json:"clean"` // the State's then: what was counted since is another question
	Verdict gate.Verdict `json:"verdict"`
}

// Note is who did something, when and why.
type Note struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
}

// Signature is a criterion that somebody vouched for in a phase.
type Signature struct {
	Criterion string    `json:"criterion"`
	Phase     string    `json:"phase"` // the one the rollout was in; "" before the start
	By        string    `json:"by"`
	Note      string    `json:"note,omitempty"`
	At        time.Time `json:"at"`
}

// Kind says what kind of change it is.
type Kind string

// The kinds of changes and of events.
const (
	KindStart    Kind = "start"
	KindAdvance  Kind = "advance"
	KindSet      Kind = "set"
	KindOff      Kind = "off"
	KindUsers    Kind = "users"
	KindRollback Kind = "rollback" // by the watch
	KindAdopt    Kind = "adopt"
	KindPause    Kind = "pause"
	KindResume   Kind = "resume"
	KindSignOff  Kind = "signoff"
	KindAlert    Kind = "alert"
	KindAsked    Kind = "asked" // the gates, and they did not say yes
)

// Change is a change of exposure.
type Change struct {
	Kind Kind     `json:"kind"`
	From Exposure `json:"from"`
	To   Exposure `json:"to"`
	// Phase is the one that it leads to, "" for none.
	Phase string `json:"phase"`
	// By is who wants it, from Host, in Run; Reason why. Forced says that it did not have
	// what it should have; Rule is what made the watch do it.
	By     string    `json:"by"`
	Host   string    `json:"host,omitempty"`
	Run    string    `json:"run,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Forced bool      `json:"forced,omitempty"`
	Rule   string    `json:"rule,omitempty"`
	At     time.Time `json:"at"`
	// Drifted says that somebody had changed the flag behind the rollout's back: no more than
	// what the change is about is the rollout's own then.
	Drifted bool `json:"drifted,omitempty"`
}

// Less reports whether the change exposes nobody who was not exposed before. Such a
// change waits for nothing.
func (c Change) Less() bool { return !c.To.MoreThan(c.From) }

// overAll reports whether the change is made against everybody who changes the flag at
// the same time. Adopting is not: it takes what was seen, and nothing else.
func (c Change) overAll() bool { return c.Kind != KindAdopt && c.Less() }

// settled is the state when the change is done.
func (s State) settled(c Change) State {
	s.Pending, s.Known = nil, true
	s.Exposure = c.leaves(s.Exposure)
	moved := s.Phase != c.Phase || c.From.Percentage != c.To.Percentage || c.From.Enabled != c.To.Enabled
	if c.Kind == KindStart {
		s.Been = nil
	}
	if c.Kind != KindUsers { // who is named changes no phase, also one that somebody else moved to meanwhile
		if s.Phase != "" && s.Phase != c.Phase && !slices.Contains(s.Been, s.Phase) {
			s.Been = append(slices.Clip(s.Been), s.Phase)
		}
		s.Phase = c.Phase
	}
	if moved && c.Kind != KindUsers {
		s.Since, s.Clean = c.At, c.At
	}
	if s.Began.IsZero() && c.Phase != "" {
		s.Began = c.At
	}
	if c.Kind == KindRollback {
		s.Halted, s.Untold = &Note{By: c.By, At: c.At, Reason: c.Reason}, &c
	}
	return s
}

// leaves is what the rollout has for its own after the change: what was asked of the store.
// Over a drift it is no more than what the change is about, so that the rest of the drift is
// still seen: a percentage says nothing of who is named, nor do names of the percentage.
func (c Change) leaves(own Exposure) Exposure {
	if c.Kind == KindAdopt || !c.Drifted {
		return c.To
	}
	users := slices.DeleteFunc(slices.Clone(own.Users), func(u string) bool {
		return slices.Contains(c.From.Users, u) && !slices.Contains(c.To.Users, u)
	})
	for _, u := range c.To.Users {
		if !slices.Contains(c.From.Users, u) {
			users = append(users, u)
		}
	}
	if c.Kind != KindUsers {
		own = c.To
	}
	own.Users = sorted(users)
	return own
}

// signed finds the sign-off of a criterion that counts now: given in this phase, since
// the stay in it began.
func (s State) signed(criterion string) (Signature, bool) {
	for _, sig := range slices.Backward(s.SignOffs) {
		if sig.Criterion == criterion && sig.Phase == s.Phase && !sig.At.Before(s.Since) {
			return sig, true
		}
	}
	return Signature{}, false
}
