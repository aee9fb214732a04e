package rollout

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
)

// anyExposure is one of those that tests can tell apart: of few users and percentages.
func anyExposure(r *rand.Rand) Exposure {
	e := Exposure{Enabled: r.IntN(4) > 0, Percentage: []featureflag.Percentage{0, 1, 1000, 5000, 9999, 10000}[r.IntN(6)]}
	for i := range 5 {
		if r.IntN(3) == 0 {
			e.Users = append(e.Users, fmt.Sprint("named", i))
		}
	}
	return e
}

// flagOf is the flag that exposes like this.
func flagOf(t *testing.T, e Exposure) featureflag.Flag {
	t.Helper()
	f, err := e.Flag("feature")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Guards against a change that is made without a gate and gives somebody the feature.
func TestWhatIsNotMoreExposesNobodyNew(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	less := 0
	for range 20_000 {
		a, b := anyExposure(r), anyExposure(r)
		to, from, both := flagOf(t, a), flagOf(t, b), flagOf(t, a.Within(b))
		if !a.MoreThan(b) {
			less++
		}
		if a.Within(b).MoreThan(a) || a.Within(b).MoreThan(b) {
			t.Fatalf("what is left of %+v within %+v, %+v, is more than one of them", a, b, a.Within(b))
		}
		for i := range 12 {
			user := fmt.Sprint("named", i)
			if i >= 5 {
				user = fmt.Sprint(r.Uint64())
			}
			if !a.MoreThan(b) && to.On(user) && !from.On(user) {
				t.Fatalf("%+v is not more than %+v, and %s has the feature newly", a, b, user)
			}
			if both.On(user) && (!to.On(user) || !from.On(user)) {
				t.Fatalf("%s has the feature by %+v, of %+v and %+v", user, a.Within(b), a, b)
			}
		}
	}
	if less < 2000 {
		t.Fatalf("only %d of the pairs were of less", less)
	}
}

func TestMoreThan(t *testing.T) {
	t.Parallel()
	on := func(p featureflag.Percentage, users ...string) Exposure { return Exposure{true, p, users} }
	for _, c := range []struct {
		e, o Exposure
		want bool
	}{
		{on(1000), on(1000), false},
		{on(1001), on(1000), true},
		{on(1000, "a"), on(1000), true},
		{on(1000), on(1000, "a"), false},
		{on(0, "a"), Exposure{Percentage: 5000, Users: []string{"a"}}, true},
		{on(0), Exposure{}, false},
		{Exposure{Percentage: 10000}, on(0), false},
		{on(5000, "a"), on(10000), false},
		{on(10000, "a"), on(10000), false},
	} {
		if got := c.e.MoreThan(c.o); got != c.want {
			t.Errorf("%s over %s: %v", c.e, c.o, got)
		}
	}
}

func TestExposureIsToldInAFewWords(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]Exposure{
		"off": {Percentage: 5000, Users: []string{"a"}}, "10%": {Enabled: true, Percentage: 1000},
		"0% and 1 user": {Enabled: true, Users: []string{"a"}}, "12.5% and 2 users": {Enabled: true, Percentage: 1250, Users: []string{"a", "b"}},
		"100%": {Enabled: true, Percentage: 10000, Users: []string{"a"}},
	} {
		if got := e.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
