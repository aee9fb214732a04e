package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Exposure is for whom the feature is on.
type Exposure struct {
	Enabled    bool                   `json:"enabled"`
	Percentage featureflag.Percentage `json:"percentage"`
	Users      []string               `json:"users"`
}

// ExposureOf is that of a flag.
func ExposureOf(f featureflag.Flag) Exposure {
	return Exposure{Enabled: f.Enabled, Percentage: f.Percentage, Users: f.Users()}
}

// Flag is the flag that exposes like this.
func (e Exposure) Flag(key string) (featureflag.Flag, error) {
	return featureflag.New(key, e.Enabled, e.Percentage, e.Users)
}

// Same reports whether both expose alike, in the same words.
func (e Exposure) Same(o Exposure) bool {
	return e.Enabled == o.Enabled && e.Percentage == o.Percentage && slices.Equal(sorted(e.Users), sorted(o.Users))
}

// MoreThan reports whether somebody could have the feature who does not have it with o:
// a higher percentage, another name, or the switch itself.
func (e Exposure) MoreThan(o Exposure) bool {
	if !e.Enabled {
		return false
	}
	if !o.Enabled {
		return e.Percentage > 0 || len(e.Users) > 0
	}
	if e.Percentage > o.Percentage {
		return true
	}
	return o.Percentage < featureflag.Everybody && e.Percentage < featureflag.Everybody && slices.ContainsFunc(e.Users, func(u string) bool { return !slices.Contains(o.Users, u) })
}

// Within is what is left of an exposure for those who are in the other one too.
func (e Exposure) Within(o Exposure) Exposure {
	both := Exposure{Enabled: e.Enabled && o.Enabled, Percentage: min(e.Percentage, o.Percentage)}
	for _, u := range e.Users {
		if slices.Contains(o.Users, u) {
			both.Users = append(both.Users, u)
		}
	}
	return both
}

// String is "off", "10%", "0% and 7 users".
func (e Exposure) String() string {
	switch {
	case !e.Enabled:
		return "off"
	case len(e.Users) == 1 && e.Percentage < featureflag.Everybody:
		return fmt.Sprintf("%s%% and 1 user", e.Percentage)
	case len(e.Users) > 0 && e.Percentage < featureflag.Everybody:
		return fmt.Sprintf("%s%% and %d users", e.Percentage, len(e.Users))
	}
	return e.Percentage.String() + "%"
}

// Apart is both in words in which they differ: "off" and "off" may be different percentages
// that nobody has, or others who are named.
func (e Exposure) Apart(o Exposure) (one, other string) {
	if one, other = e.String(), o.String(); one != other {
		return one, other
	}
	for _, x := range []struct {
		words *string
		Exposure
	}{{&one, e}, {&other, o}} {
		if e.Percentage != o.Percentage {
			*x.words += fmt.Sprintf(" with %s%% set", x.Percentage)
		}
	}
	if len(e.Users) != len(o.Users) {
		return one + ", with " + usersNamed(len(e.Users)), other + ", with " + usersNamed(len(o.Users))
	}
	return one + e.besides(o), other + o.besides(e)
}

func usersNamed(n int) string {
	if n == 1 {
		return "1 user named"
	}
	return fmt.Sprintf("%d users named", n)
}

// besides names those who are not named in the other one.
func (e Exposure) besides(o Exposure) string {
	var users []string
	for _, u := range e.Users {
		if !slices.Contains(o.Users, u) {
			users = append(users, u)
		}
	}
	if len(users) == 0 {
		return ""
	}
	return ", with " + strings.Join(users, ", ") + " named"
}

func sorted(users []string) []string {
	s := slices.Clone(users)
	slices.SortFunc(s, strings.Compare)
	return slices.Compact(s)
}
