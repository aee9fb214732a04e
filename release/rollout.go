package release

import (
	"slices"
	"time"
)

// Rollout says how the feature is exposed: its flag, the phases, what each is judged
// by, and what takes it back.
type Rollout struct {
	// Flag is the feature flag's key, "" for a release without one.
	Flag string `yaml:"flag"`
	// Alpha is the chance of one gate, all its budgets together, to be wrong: "5%".
	Alpha string `yaml:"alpha"`
	// Phases are in order; each environment goes through its own.
	Phases []Phase `yaml:"phases"`
	// SignOffs are what people vouch for.
	SignOffs []SignOff `yaml:"sign_offs"`
	// Series are PromQL selectors by name. Where a gate, a rule or an alert names one, it
	// has the selector once the release is loaded.
	Series []Series `yaml:"series"`
	// Gates are what metrics vouch for.
	Gates []Gate `yaml:"gates"`
	// Rollback are the rules that take exposure back without being asked.
	Rollback []Rule `yaml:"rollback"`
	// Surveillance takes it back on mounting evidence.
	Surveillance Surveillance `yaml:"surveillance"`
	// Alerts tell people and change nothing.
	Alerts []Alert `yaml:"alerts"`
	// Messages are templates of notifications by their kind; a kind that is not here
	// has the usual words.
	Messages []MessageTemplate `yaml:"messages"`
}

// Phase is one step of exposure.
type Phase struct {
	Name        string `yaml:"name"`
	Environment string `yaml:"environment"`
	// Percentage of users that have the feature: "10", "12.5".
	Percentage string `yaml:"percentage"`
	// Users bounds how many are named; zero for no bounds.
	Users Bounds `yaml:"users"`
	Soak  Soak   `yaml:"soak"`
	// Samples is how many operations the phase has to see at least.
	Samples int64 `yaml:"samples"`
	// Entry are sign-offs needed before the phase begins, SignOffs and Gates what is
	// needed to leave it.
	Entry    []string `yaml:"entry"`
	SignOffs []string `yaml:"sign_offs"`
	Gates    []string `yaml:"gates"`
}

// Bounds are inclusive; both zero bounds nothing.
type Bounds struct {
	Least int `yaml:"least"`
	Most  int `yaml:"most"`
}

// Soak is how long a phase lasts.
type Soak struct {
	// Least is before which nobody moves on, Most after which a person must look
	// although gates still cannot tell; 0 = ongoing.
	Least time.Duration `yaml:"least"`
	Most  time.Duration `yaml:"most"`
}

// SignOff is something a person vouches for.
type SignOff struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
}

// The kinds of gates.
const (
	GateRatio        = "ratio"        // budgets of bad among total
	GateAvailability = "availability" // the good among total, at least Above
	GateLatency      = "latency"      // the share slower than Bound, below Share
	GateBaseline     = "baseline"     // no slower than Window before the rollout began
	GateAudit        = "audit"        // a row in the audit log for every operation
)

// Gate is what metrics are asked before more users get the feature.
type Gate struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	Kind  string `yaml:"kind"`
	// Total and Bad select counters, in PromQL; Budgets bound shares of Total.
	Total   string   `yaml:"total"`
	Bad     string   `yaml:"bad"`
	Budgets []Budget `yaml:"budgets"`
	// Above is the least share of the good: "99.9%".
	Above string `yaml:"above"`
	// Histogram selects the buckets of a histogram; Bound is a duration, Share how many
	// may be slower: "5%" for p95.
	Histogram string        `yaml:"histogram"`
	Bound     time.Duration `yaml:"bound"`
	Share     string        `yaml:"share"`
	// Window is how far back the baseline reaches, Effect the chance that a request is
	// slower than one of the baseline from which on that matters: "55%".
	Window time.Duration `yaml:"window"`
	Effect string        `yaml:"effect"`
	// Rows selects the counter of rows in the audit log that were written.
	Rows string `yaml:"rows"`
	// AtLeast is how many observations there must be.
	AtLeast int64 `yaml:"at_least"`
}

// Budget is how large a share of the total may be bad.
type Budget struct {
	What  string `yaml:"what"`
	Bad   string `yaml:"bad"`
	Below string `yaml:"below"`
}

// The actions of a Rule.
const (
	ActionOff      = "off"
	ActionStepDown = "step down"
)

// Rule takes exposure back when more than a share is bad for some time.
type Rule struct {
	ID     string        `yaml:"id"`
	Title  string        `yaml:"title"`
	Total  string        `yaml:"total"`
	Bad    string        `yaml:"bad"`
	Above  string        `yaml:"above"`
	For    time.Duration `yaml:"for"`
	Action string        `yaml:"action"`
}

// Surveillance is a test that may be looked at all the time (an e-CUSUM).
type Surveillance struct {
	Title string `yaml:"title"`
	Total string `yaml:"total"`
	Bad   string `yaml:"bad"`
	// Healthy is the share up to which nothing is wrong, Alternatives those to be found.
	Healthy      string   `yaml:"healthy"`
	Alternatives []string `yaml:"alternatives"`
	// Evidence is the factor of evidence at which it acts: 10000.
	Evidence int64  `yaml:"evidence"`
	Action   string `yaml:"action"`
}

// The kinds of alerts.
const (
	AlertRatio = "ratio" // the share of bad is above Above for For
	AlertSlow  = "slow"  // more than Share are slower than Bound for For
	AlertRate  = "rate"  // more than PerMinute bad a minute, over For
)

// Alert tells people.
type Alert struct {
	ID        string        `yaml:"id"`
	Title     string        `yaml:"title"`
	Kind      string        `yaml:"kind"`
	Level     string        `yaml:"level"` // page, warning or info
	Total     string        `yaml:"total"`
	Bad       string        `yaml:"bad"`
	Histogram string        `yaml:"histogram"`
	Bound     time.Duration `yaml:"bound"`
	Share     string        `yaml:"share"`
	Above     string        `yaml:"above"`
	PerMinute int64         `yaml:"per_minute"`
	For       time.Duration `yaml:"for"`
}

// MessageTemplate is a text/template of one kind of notification.
type MessageTemplate struct {
	Kind string `yaml:"kind"`
	Text string `yaml:"text"`
}

// In returns the phases of one environment, in order.
func (r *Rollout) In(environment string) []Phase {
	var phases []Phase
	for _, p := range r.Phases {
		if p.Environment == environment {
			phases = append(phases, p)
		}
	}
	return phases
}

// Gate returns the gate of that id.
func (r *Rollout) Gate(id string) (Gate, bool) {
	i := slices.IndexFunc(r.Gates, func(g Gate) bool { return g.ID == id })
	if i < 0 {
		return Gate{}, false
	}
	return r.Gates[i], true
}

// SignOff returns the criterion of that id.
func (r *Rollout) SignOff(id string) (SignOff, bool) {
	i := slices.IndexFunc(r.SignOffs, func(s SignOff) bool { return s.ID == id })
	if i < 0 {
		return SignOff{}, false
	}
	return r.SignOffs[i], true
}
