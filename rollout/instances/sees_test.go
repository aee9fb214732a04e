package instances

import (
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
)

func flag(t *testing.T, enabled bool, percentage featureflag.Percentage, version int64, users ...string) featureflag.Flag {
	t.Helper()
	f, err := featureflag.New("feature", enabled, percentage, users)
	if err != nil {
		t.Fatal(err)
	}
	return f.At(version)
}

// Guards against one named user who was swapped for another, and an instance that still
// has the first and is believed to follow: it tells how many are named, not who.
func TestASwapOfNamedUsersIsSeenByTheVersion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f    featureflag.Flag
		v    View
		sees bool
		why  string
	}{
		"the same":              {flag(t, true, 1000, 7, "a"), View{Known: true, Enabled: true, Percentage: 1000, Users: 1, Version: 7}, true, ""},
		"another is named":      {flag(t, true, 1000, 8, "b"), View{Known: true, Enabled: true, Percentage: 1000, Users: 1, Version: 7}, false, otherUsers},
		"and it is stale":       {flag(t, true, 1000, 8, "b"), View{Known: true, Enabled: true, Percentage: 1000, Users: 1, Version: 7, Problem: "stale"}, false, "stale"},
		"another percentage":    {flag(t, true, 1000, 8, "b"), View{Known: true, Enabled: true, Percentage: 500, Users: 1, Version: 7}, false, ""},
		"one more":              {flag(t, true, 1000, 8, "a", "b"), View{Known: true, Enabled: true, Percentage: 1000, Users: 1, Version: 7}, false, ""},
		"it reports no version": {flag(t, true, 1000, 8, "b"), View{Known: true, Enabled: true, Percentage: 1000, Users: 1}, true, ""},
		"the store has none":    {flag(t, true, 1000, 0, "b"), View{Known: true, Enabled: true, Percentage: 1000, Users: 1, Version: 7}, true, ""},
		"nobody is named":       {flag(t, true, 1000, 8), View{Known: true, Enabled: true, Percentage: 1000, Version: 7}, true, ""},
		"it is off":             {flag(t, false, 1000, 8, "b"), View{Known: true, Percentage: 1000, Users: 1, Version: 7}, true, ""},
		"everybody has it":      {flag(t, true, featureflag.Everybody, 8, "b"), View{Known: true, Enabled: true, Percentage: featureflag.Everybody, Users: 1, Version: 7}, true, ""},
	} {
		if c.v.Sees(c.f) != c.sees || c.v.Against(c.f).Problem != c.why {
			t.Errorf("%s: %t, %q", name, c.v.Sees(c.f), c.v.Against(c.f).Problem)
		}
	}
	named := strings.Replace(says, `"enabled_users":0,"version":1`, `"enabled_users":1,"version":1`, 1)
	at := answering(t, named)
	got, err := Client{Places: Places{URLs: []string{at}}}.Follow(t.Context(), flag(t, true, 1000, 2, "b"), time.Millisecond, nil)
	if err != nil || len(got.Behind) != 1 || got.Behind[0].Problem != otherUsers {
		t.Errorf("%+v, %v", got, err)
	}
}
