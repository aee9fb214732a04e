package rollout

import (
	"slices"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/release"
)

// Phases are those of one environment, in order.
type Phases []release.Phase

// At is the place of the phase of that name, -1 for none.
func (p Phases) At(name string) int {
	return slices.IndexFunc(p, func(one release.Phase) bool { return one.Name == name })
}

// Next is the phase behind the one of that name; the first one behind none.
func (p Phases) Next(name string) (release.Phase, bool) {
	i := p.At(name) + 1
	if i >= len(p) {
		return release.Phase{}, false
	}
	return p[i], true
}

// Before is the phase before the one of that name.
func (p Phases) Before(name string) (release.Phase, bool) {
	i := p.At(name) - 1
	if i < 0 {
		return release.Phase{}, false
	}
	return p[i], true
}

// For is the phase that an exposure belongs to: the highest whose percentage it
// reaches. Nobody's is none's; below the first phase there is none either.
func (p Phases) For(e Exposure) string {
	name := ""
	if !e.Enabled || e.Percentage == 0 && len(e.Users) == 0 {
		return name
	}
	for _, one := range p {
		if percentage(one) <= e.Percentage {
			name = one.Name
		}
	}
	return name
}

// percentage is the phase's; the release file was judged when it was read.
func percentage(p release.Phase) featureflag.Percentage {
	v, _ := featureflag.ParsePercentage(p.Percentage)
	return v
}

// Percentage is the phase's share of users.
func Percentage(p release.Phase) featureflag.Percentage { return percentage(p) }
