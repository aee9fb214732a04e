package rollout

import (
	"fmt"
	"time"

	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

// RequirementKind says what is required.
type RequirementKind string

// The kinds of requirements.
const (
	NeedsSoak    RequirementKind = "soak"
	NeedsSamples RequirementKind = "samples"
	NeedsGate    RequirementKind = "gate"
	NeedsSignOff RequirementKind = "sign-off"
	NeedsUsers   RequirementKind = "users"
	NeedsResume  RequirementKind = "resume"
	NeedsAdopt   RequirementKind = "adopt"
)

// Requirement is one thing without which the rollout does not move on.
type Requirement struct {
	Kind  RequirementKind `json:"kind"`
	ID    string          `json:"id"`
	Title string          `json:"title"`
	// Verdict is Pass when it is met, Hold when it cannot be told or is not there yet,
	// Fail when it says no.
	Verdict gate.Verdict `json:"verdict"`
	Words   string       `json:"words"`
	// Earliest is when it can be met, zero when that is not known.
	Earliest time.Time `json:"earliest,omitzero"`
	// Command is what to type for it, without the flags that lead there; "" for nothing.
	Command string `json:"command,omitempty"`
	// Judgements are a gate's.
	Judgements []gate.Judgement `json:"judgements,omitempty"`
}

// Met reports whether nothing is missing.
func Met(rs []Requirement) bool { return Verdict(rs) == gate.Pass }

// Verdict is that of all together: Fail when one says no, Pass when all are met.
func Verdict(rs []Requirement) gate.Verdict {
	verdict := gate.Pass
	for _, r := range rs {
		switch {
		case r.Verdict == gate.Fail:
			return gate.Fail
		case r.Verdict != gate.Pass:
			verdict = gate.Hold
		}
	}
	return verdict
}

// Standing are the requirements that need no metrics: those of leaving the present
// phase and of entering the next. actual is what the store really holds.
func Standing(s State, phases Phases, signOffs []release.SignOff, actual Exposure, now time.Time) []Requirement {
	var rs []Requirement
	if s.Known && s.Pending == nil && !s.Exposure.Same(actual) {
		is, left := actual.Apart(s.Exposure)
		rs = append(rs, Requirement{
			Kind: NeedsAdopt, ID: "adopt", Title: "nobody changed the flag behind our back", Verdict: gate.Hold,
			Words: fmt.Sprintf("the flag is at %s; the rollout left it at %s", is, left), Command: `rollout adopt --reason "…"`,
		})
	}
	resume := "rollout resume"
	if s.Halted != nil { // one command ends both
		resume = `rollout resume --reason "…"`
	}
	for _, stop := range []struct {
		note *Note
		what string
	}{{s.Halted, "it was rolled back by itself"}, {s.Paused, "it is paused"}} {
		if stop.note != nil {
			words := fmt.Sprintf("%s since %s by %s", stop.what, stamp(stop.note.At), stop.note.By)
			if stop.note.Reason != "" {
				words += ": " + stop.note.Reason
			}
			rs = append(rs, Requirement{Kind: NeedsResume, ID: "resume", Title: "the rollout is going on", Verdict: gate.Hold, Words: words, Command: resume})
		}
	}
	title := func(id string) string {
		for _, c := range signOffs {
			if c.ID == id {
				return c.Title
			}
		}
		return id
	}
	if i := phases.At(s.Phase); i >= 0 {
		rs = append(rs, soak(phases[i], s, now))
		for _, id := range phases[i].SignOffs {
			rs = append(rs, s.signOff(id, title(id)))
		}
	}
	if next, ok := phases.Next(s.Phase); ok {
		for _, id := range next.Entry {
			rs = append(rs, s.signOff(id, title(id)))
		}
		if next.Users != (release.Bounds{}) {
			rs = append(rs, named(next, actual))
		}
	}
	return rs
}

func soak(p release.Phase, s State, now time.Time) Requirement {
	r := Requirement{Kind: NeedsSoak, ID: "soak", Title: fmt.Sprintf("at least %s in the phase %s", length(p.Soak.Least), p.Name), Verdict: gate.Pass}
	passed, end := now.Sub(s.Since), s.Since.Add(p.Soak.Least)
	r.Words = fmt.Sprintf("%s of %s", length(max(passed, 0)), length(p.Soak.Least))
	if now.Before(end) {
		r.Verdict, r.Earliest = gate.Hold, end
		r.Words += ", earliest " + stamp(end)
	}
	return r
}

func (s State) signOff(id, title string) Requirement {
	r := Requirement{Kind: NeedsSignOff, ID: id, Title: title, Verdict: gate.Hold, Words: "missing", Command: "rollout signoff " + id + " --by NAME"}
	if sig, ok := s.signed(id); ok {
		r.Verdict, r.Command = gate.Pass, ""
		r.Words = "signed off by " + sig.By + ", " + stamp(sig.At)
		if sig.Note != "" {
			r.Words += ": " + sig.Note
		}
	}
	return r
}

// named asks for as many named users as the phase wants.
func named(p release.Phase, actual Exposure) Requirement {
	r := Requirement{
		Kind: NeedsUsers, ID: "users", Title: fmt.Sprintf("%d to %d users are named for %s", p.Users.Least, p.Users.Most, p.Name),
		Verdict: gate.Pass, Words: fmt.Sprintf("%d are", len(actual.Users)),
	}
	switch n := len(actual.Users); {
	case n < p.Users.Least:
		r.Verdict, r.Command = gate.Hold, "rollout users add ID…"
	case n > p.Users.Most:
		r.Verdict, r.Command = gate.Hold, "rollout users remove ID…"
	}
	return r
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// length is a duration as people say it: "48 h", "31 h 20 min", "90 s".
func length(d time.Duration) string {
	d = d.Truncate(time.Second)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Hour < time.Minute:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}
