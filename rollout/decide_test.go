package rollout

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout/gate"
)

// plan is a rollout in three steps.
func plan() Phases {
	return Phases{
		{
			Name: "beta", Percentage: "0", Users: release.Bounds{Least: 1, Most: 2}, Entry: []string{"tested"},
			Soak: release.Soak{Least: 48 * time.Hour, Most: 72 * time.Hour}, SignOffs: []string{"liked"},
		},
		{Name: "10%", Percentage: "10", Soak: release.Soak{Least: time.Hour, Most: 2 * time.Hour}, Samples: 100, Gates: []string{"errors"}},
		{Name: "50%", Percentage: "50"},
	}
}

var noon = time.Date(2026, 1, 13, 12, 0, 0, 0, time.UTC)

// at is a view of a flag that is as the rollout left it.
func at(t *testing.T, phase string, e Exposure) View {
	t.Helper()
	return View{State: State{Flag: "feature", Phase: phase, Exposure: e, Known: true, Since: noon, Clean: noon}, Flag: flagOf(t, e)}
}

func TestPhasesHaveTheirOrder(t *testing.T) {
	t.Parallel()
	p := plan()
	for name, e := range map[string]Exposure{
		"": {Percentage: 5000}, "beta": {Enabled: true, Percentage: 999}, "10%": {Enabled: true, Percentage: 4999}, "50%": {Enabled: true, Percentage: 10000},
	} {
		if got := p.For(e); got != name {
			t.Errorf("%s belongs to %q, want %q", e, got, name)
		}
	}
	if got := p.For(Exposure{Enabled: true}); got != "" {
		t.Errorf("nobody's is of the phase %q", got)
	}
	if got := p.For(Exposure{Enabled: true, Users: []string{"a"}}); got != "beta" {
		t.Errorf("that of one user is of the phase %q", got)
	}
	if got := p[1:].For(Exposure{Enabled: true, Percentage: 500}); got != "" {
		t.Errorf("below the first phase is %q", got)
	}
	for name, want := range map[string]string{"": "beta", "beta": "10%", "10%": "50%", "50%": ""} {
		if next, ok := p.Next(name); next.Name != want || ok != (want != "") {
			t.Errorf("behind %q is %q", name, next.Name)
		}
	}
}

func TestAdvanceKeepsTheNamedAndStopsAtTheEnd(t *testing.T) {
	t.Parallel()
	users := []string{"a", "b"}
	c, next, err := plan().Advance(at(t, "", Exposure{Users: users}))
	if err != nil || c.Kind != KindStart || next.Name != "beta" || !c.To.Same(Exposure{Enabled: true, Users: users}) {
		t.Errorf("%+v %v", c, err)
	}
	c, _, err = plan().Advance(at(t, "beta", Exposure{Enabled: true, Users: users}))
	if err != nil || c.Kind != KindAdvance || c.Phase != "10%" || c.To.Percentage != 1000 || len(c.To.Users) != 2 {
		t.Errorf("%+v %v", c, err)
	}
	for name, p := range map[string]Phases{"50%": plan(), "": nil} {
		var refused *RefusedError
		if _, _, err := p.Advance(at(t, name, Exposure{Enabled: true, Percentage: 5000})); !errors.As(err, &refused) {
			t.Errorf("from %q: %v", name, err)
		}
	}
}

// Guards against beginning anew at the first phase, taking the feature from most, when
// the release file has renamed the present one.
func TestNobodyMovesOnFromAPhaseThatIsNotThere(t *testing.T) {
	t.Parallel()
	v := at(t, "a tenth", Exposure{Enabled: true, Percentage: 1000})
	_, _, err := plan().Advance(v)
	_, err2 := plan().Set(v, 5000, false)
	for _, err := range []error{err, err2} {
		var refused *RefusedError
		if !errors.As(err, &refused) || !strings.Contains(refused.Why, "a tenth") || !strings.Contains(refused.Next, "--force") {
			t.Errorf("%v", err)
		}
	}
	if c, err := plan().Set(v, 500, false); err != nil || c.Phase != "beta" {
		t.Errorf("less is refused: %+v %v", c, err)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	v := at(t, "10%", Exposure{Enabled: true, Percentage: 1000})
	for _, c := range []struct {
		to     featureflag.Percentage
		forced bool
		phase  string
		kind   Kind // "" is refused
	}{
		{5000, false, "50%", KindAdvance},
		{2500, false, "", ""},
		{2500, true, "10%", KindSet},
		{10000, false, "", ""},
		{10000, true, "50%", KindSet},
		{500, false, "beta", KindSet},
		{0, false, "", KindSet},
		{1000, false, "10%", KindSet},
	} {
		got, err := plan().Set(v, c.to, c.forced)
		var refused *RefusedError
		switch {
		case c.kind == "":
			if !errors.As(err, &refused) || refused.Next == "" {
				t.Errorf("%s%%: %v", c.to, err)
			}
		case err != nil || got.Kind != c.kind || got.Phase != c.phase || got.To.Percentage != c.to:
			t.Errorf("%s%%: %+v %v, want the phase %q", c.to, got, err, c.phase)
		}
	}
}

func TestStepDownNeverRaises(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		phase string
		have  Exposure
		want  Exposure
		to    string
	}{
		{"50%", Exposure{Enabled: true, Percentage: 5000}, Exposure{Enabled: true, Percentage: 1000}, "10%"},
		{"10%", Exposure{Enabled: true, Percentage: 1000, Users: []string{"a"}}, Exposure{Enabled: true, Users: []string{"a"}}, "beta"},
		{"beta", Exposure{Enabled: true, Users: []string{"a"}}, Exposure{Users: []string{"a"}}, ""},
		{"50%", Exposure{Enabled: true, Percentage: 500}, Exposure{Enabled: true, Percentage: 500}, "10%"},
		{"50%", Exposure{Percentage: 5000}, Exposure{Percentage: 1000}, "10%"},
		{"", Exposure{Enabled: true, Percentage: 5000}, Exposure{}, ""},
	} {
		got := plan().StepDown(at(t, c.phase, c.have))
		if !got.To.Same(c.want) || got.Phase != c.to || got.To.MoreThan(c.have) {
			t.Errorf("from %s in %q: %s in %q", c.have, c.phase, got.To, got.Phase)
		}
	}
}

func TestUsersAreNamedOnceAndOff(t *testing.T) {
	t.Parallel()
	v := at(t, "beta", Exposure{Enabled: true, Users: []string{"a", "b"}})
	c := plan().Users(v, []string{"c", "a", "c"}, nil)
	if !c.To.Same(Exposure{Enabled: true, Users: []string{"a", "b", "c"}}) || c.Less() || c.Phase != "beta" {
		t.Errorf("%+v", c)
	}
	if c = plan().Users(v, nil, []string{"a", "z"}); !c.To.Same(Exposure{Enabled: true, Users: []string{"b"}}) || !c.Less() {
		t.Errorf("%+v", c)
	}
	if off := plan().Off(v); off.To.Enabled || off.To.Percentage != 0 || len(off.To.Users) != 2 || !off.Less() || off.Phase != "" {
		t.Errorf("%+v", off)
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Hour)
	s := at(t, "10%", Exposure{Enabled: true, Percentage: 1000}).State
	s.Pending = &Change{}
	done := s.settled(Change{Kind: KindRollback, From: s.Exposure, To: Exposure{Enabled: true}, Phase: "beta", By: "watch", Reason: "errors", At: later})
	if done.Pending != nil || done.Phase != "beta" || !done.Since.Equal(later) || !done.Clean.Equal(later) || done.Halted == nil || done.Halted.Reason != "errors" || !done.Began.Equal(later) {
		t.Errorf("%+v", done)
	}
	// Who is named begins no new stay, and leaves the phase that somebody else moved to.
	named := s.settled(Change{Kind: KindUsers, From: s.Exposure, To: Exposure{Enabled: true, Percentage: 1000, Users: []string{"a"}}, Phase: "50%", At: later})
	if named.Phase != "10%" || !named.Since.Equal(noon) || named.Halted != nil || len(named.Exposure.Users) != 1 {
		t.Errorf("%+v", named)
	}
}

// need is the requirement of that id.
func need(rs []Requirement, id string) Requirement {
	for _, r := range rs {
		if r.ID == id {
			return r
		}
	}
	return Requirement{Verdict: "absent"}
}

func TestStanding(t *testing.T) {
	t.Parallel()
	two := Exposure{Enabled: true, Users: []string{"a", "b"}}
	signed := func(phase string, when time.Time) []Signature {
		return []Signature{{Criterion: "liked", Phase: phase, By: "maria", At: when}, {Criterion: "tested", Phase: phase, By: "maria", At: when}}
	}
	for name, c := range map[string]struct {
		change func(*State)
		actual Exposure
		now    time.Time
		id     string
		want   gate.Verdict
		words  string
	}{
		"soak not over":         {nil, two, noon.Add(47 * time.Hour), "soak", gate.Hold, "47 h of 48 h, earliest 2026-01-15 12:00 UTC"},
		"soak over":             {nil, two, noon.Add(48 * time.Hour), "soak", gate.Pass, "48 h of 48 h"},
		"clock before it began": {nil, two, noon.Add(-time.Hour), "soak", gate.Hold, "0 s of 48 h"},
		"not signed":            {nil, two, noon, "liked", gate.Hold, "missing"},
		"signed":                {func(s *State) { s.SignOffs = signed("beta", noon.Add(time.Hour)) }, two, noon, "liked", gate.Pass, "signed off by maria"},
		"signed in a stay before": {
			func(s *State) { s.SignOffs = signed("beta", noon.Add(-time.Hour)) }, two, noon, "liked", gate.Hold, "missing",
		},
		"signed in another phase": {func(s *State) { s.SignOffs = signed("", noon.Add(time.Hour)) }, two, noon, "liked", gate.Hold, "missing"},
		"entry":                   {func(s *State) { s.Phase = "" }, two, noon, "tested", gate.Hold, "missing"},
		"entry signed":            {func(s *State) { s.Phase, s.SignOffs = "", signed("", noon) }, two, noon, "tested", gate.Pass, "signed off"},
		"no users":                {func(s *State) { s.Phase = "" }, Exposure{}, noon, "users", gate.Hold, "0 are"},
		"too many users":          {func(s *State) { s.Phase = "" }, Exposure{Users: []string{"a", "b", "c"}}, noon, "users", gate.Hold, "3 are"},
		"users":                   {func(s *State) { s.Phase = "" }, two, noon, "users", gate.Pass, "2 are"},
		"paused": {
			func(s *State) { s.Paused = &Note{By: "maria", At: noon, Reason: "holidays"} }, two, noon, "resume", gate.Hold, "paused since 2026-01-13 12:00 UTC by maria: holidays",
		},
		"halted":       {func(s *State) { s.Halted = &Note{By: "watch", At: noon} }, two, noon, "resume", gate.Hold, "rolled back by itself"},
		"drift":        {nil, Exposure{Enabled: true, Percentage: 2000}, noon, "adopt", gate.Hold, "the flag is at 20%; the rollout left it at 0% and 2 users"},
		"no drift":     {nil, two, noon, "adopt", "absent", ""},
		"under change": {func(s *State) { s.Pending = &Change{} }, Exposure{}, noon, "adopt", "absent", ""},
	} {
		s := at(t, "beta", two).State
		if c.change != nil {
			c.change(&s)
		}
		r := need(Standing(s, plan(), []release.SignOff{{ID: "liked", Title: "Liked"}}, c.actual, c.now), c.id)
		if r.Verdict != c.want || !strings.Contains(r.Words, c.words) {
			t.Errorf("%s: %s %q, want %s %q", name, r.Verdict, r.Words, c.want, c.words)
		}
		if r.Verdict == gate.Hold && r.Command == "" && r.Earliest.IsZero() {
			t.Errorf("%s: nothing says how to go on", name)
		}
	}
}

func TestVerdictOfAll(t *testing.T) {
	t.Parallel()
	p, h, f := Requirement{Verdict: gate.Pass}, Requirement{Verdict: gate.Hold}, Requirement{Verdict: gate.Fail}
	if Verdict(nil) != gate.Pass || Verdict([]Requirement{p, h}) != gate.Hold || Verdict([]Requirement{h, f, p}) != gate.Fail || Met([]Requirement{p, h}) || !Met([]Requirement{p}) {
		t.Error("a verdict of several is wrong")
	}
}

func TestSparkline(t *testing.T) {
	t.Parallel()
	sample := func(ago time.Duration, bad, total int64, known bool) Sample {
		return Sample{At: noon.Add(-ago), Counts: map[string]gate.Tick{surveillance: {Bad: bad, Total: total, Known: known}}}
	}
	samples := []Sample{sample(9*time.Minute, 9, 9, true), sample(3*time.Minute, 0, 10, true), sample(2*time.Minute, 0, 0, true), sample(time.Minute, 5, 100, false), sample(0, 50, 100, true)}
	if got := Sparkline(samples, noon, 4*time.Minute, 4); got != "▁··█" {
		t.Errorf("%q", got)
	}
}
