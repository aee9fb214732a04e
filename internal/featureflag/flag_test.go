package featureflag_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/quick"

	"github.com/clipper/clipperops/internal/featureflag"
)

func flag(t testing.TB, enabled bool, percentage featureflag.Percentage, users ...string) featureflag.Flag {
	t.Helper()
	f, err := featureflag.New("twitch_moderation", enabled, percentage, users)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestWhoHasIt: disabled is off for all, a named user has it, others by their bucket.
func TestWhoHasIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flag featureflag.Flag
		user string
		want bool
	}{
		"the zero flag":             {featureflag.Flag{}, "a", false},
		"disabled at 100%":          {flag(t, false, featureflag.Everybody), "a", false},
		"disabled and named":        {flag(t, false, 0, "a"), "a", false},
		"enabled at 0%":             {flag(t, true, 0), "a", false},
		"enabled at 100%":           {flag(t, true, featureflag.Everybody), "a", true},
		"named at 0%":               {flag(t, true, 0, "a", "b"), "b", true},
		"not named at 0%":           {flag(t, true, 0, "a", "b"), "c", false},
		"nobody asks at 0%":         {flag(t, true, 0, "a"), "", false},
		"nobody in particular 100%": {flag(t, true, featureflag.Everybody), "", true},
	} {
		if got := c.flag.On(c.user); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestGrowingKeepsEveryone: whoever has it at some percentage has it at every
// higher one.
func TestGrowingKeepsEveryone(t *testing.T) {
	t.Parallel()
	keeps := func(user string, a, b uint16) bool {
		low, high := featureflag.Percentage(min(a, b)%10001), featureflag.Percentage(max(a, b)%10001)
		if low > high {
			low, high = high, low
		}
		less, more := flag(t, true, low), flag(t, true, high)
		return !less.On(user) || more.On(user)
	}
	if err := quick.Check(keeps, &quick.Config{MaxCount: 20_000, Rand: nil}); err != nil {
		t.Error(err)
	}
}

// TestBucketsAreUniform: a χ² test over 100 classes of a million ids in the forms
// that ids have; the bound is far beyond the 99.99% quantile of 99 degrees of
// freedom (160.1), so that only a crooked hash fails.
func TestBucketsAreUniform(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	forms := map[string]func(i int) string{
		"uuid": func(int) string {
			return fmt.Sprintf("%08x-0000-4000-8000-%012x", random.Uint32(), random.Uint64()>>16)
		},
		"counting": func(i int) string { return fmt.Sprint(i) },
	}
	for name, id := range forms {
		const n, classes = 1_000_000, 100
		var seen [classes]float64
		for i := range n {
			seen[featureflag.Bucket("twitch_moderation", id(i))*classes/10_000]++
		}
		chi := 0.0
		for _, k := range seen {
			chi += math.Pow(k-n/classes, 2) / (n / classes)
		}
		if chi > 160.1 {
			t.Errorf("%s: χ² = %.1f over %d classes", name, chi, classes)
		}
	}
}

// TestFlagsAreIndependent: who has one feature early does not have every feature
// early.
func TestFlagsAreIndependent(t *testing.T) {
	t.Parallel()
	both, n := 0, 100_000
	for i := range n {
		user := fmt.Sprint(i)
		if featureflag.Bucket("one", user) < 1000 && featureflag.Bucket("two", user) < 1000 {
			both++
		}
	}
	if share := float64(both) / float64(n); math.Abs(share-0.01) > 0.002 {
		t.Errorf("%.4f have both at 10%%, want about 0.01", share)
	}
}

// TestDecidingAllocatesNothing, whichever way it goes.
func TestDecidingAllocatesNothing(t *testing.T) {
	f := flag(t, true, 5000, "a", "b")
	user := "0190a5b2-7c3d-7e4f-8a9b-0c1d2e3f4a5b"
	if n := testing.AllocsPerRun(1000, func() { f.On(user) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkOn(b *testing.B) {
	f := flag(b, true, 5000, "a", "b")
	user := "0190a5b2-7c3d-7e4f-8a9b-0c1d2e3f4a5b"
	b.ReportAllocs()
	for b.Loop() {
		f.On(user)
	}
}

// TestPercentages: plain decimals alone, and each reads back.
func TestPercentages(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]featureflag.Percentage{"0": 0, "100": 10_000, "100.00": 10_000, "12.5": 1250, "0.01": 1, "99.99": 9999, "007": 700} {
		if got, err := featureflag.ParsePercentage(text); err != nil || got != want {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "10%", "-1", "101", "100.01", "1e1", "NaN", "Inf", "+5", " 5", "5 ", "5.", ".5", "1.234", "1,5", "0x10", "٣", "1_0", "maybe"} {
		if got, err := featureflag.ParsePercentage(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
	for p := range featureflag.Everybody + 1 {
		back, err := featureflag.ParsePercentage(p.String())
		if err != nil || back != p {
			t.Fatalf("%d is shown as %q, read back as %d, %v", p, p, back, err)
		}
	}
}

// TestTheEnvironment: the variables as operators set them.
func TestTheEnvironment(t *testing.T) {
	t.Parallel()
	const name = "FEATURE_TWITCH_MODERATION"
	for what, c := range map[string]struct {
		env  map[string]string
		want string // as String shows it; "" for an error
	}{
		"enabled alone":           {map[string]string{name: "true"}, "twitch_moderation 100%"},
		"enabled with users":      {map[string]string{name: "1", name + "_ENABLED_USERS": "a, b,,c"}, "twitch_moderation 0% and 3 users"},
		"enabled with percentage": {map[string]string{name: "TRUE", name + "_ROLLOUT_PERCENTAGE": "10"}, "twitch_moderation 10%"},
		"both":                    {map[string]string{name: "true", name + "_ROLLOUT_PERCENTAGE": "0.5", name + "_ENABLED_USERS": "a"}, "twitch_moderation 0.5% and 1 users"},
		"not enabled":             {map[string]string{name: "false", name + "_ROLLOUT_PERCENTAGE": "50"}, "twitch_moderation off"},
		"percentage alone":        {map[string]string{name + "_ROLLOUT_PERCENTAGE": "50"}, "twitch_moderation off"},
		"empty":                   {map[string]string{name: "", name + "_ROLLOUT_PERCENTAGE": " "}, "twitch_moderation off"},
		"maybe":                   {map[string]string{name: "maybe"}, ""},
		"101":                     {map[string]string{name: "true", name + "_ROLLOUT_PERCENTAGE": "101"}, ""},
		"-1":                      {map[string]string{name: "true", name + "_ROLLOUT_PERCENTAGE": "-1"}, ""},
		"10%":                     {map[string]string{name: "true", name + "_ROLLOUT_PERCENTAGE": "10%"}, ""},
		"a user with an escape":   {map[string]string{name: "true", name + "_ENABLED_USERS": "a\x1b[31mb"}, ""},
		"a user with a space":     {map[string]string{name: "true", name + "_ENABLED_USERS": "a b"}, ""},
	} {
		flags, err := featureflag.FromEnvironment(c.env)
		if f := flags["twitch_moderation"]; (err != nil) != (c.want == "") || (c.want != "" && f.String() != c.want) {
			t.Errorf("%s: %s, %v", what, f, err)
		}
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: the error does not name the variable: %v", what, err)
		}
	}
	if flags, err := featureflag.FromEnvironment(map[string]string{"FEATURE_STORE": "postgres", "FEATURE_FILE": "x", "PATH": "/bin", "FEATURE_": "true", "FEATURE_Ab": "true"}); err != nil || len(flags) != 0 {
		t.Errorf("variables that are no flags make %v, %v", flags, err)
	}
}

// TestAForeignVariableIsNoMistake: a program's own FEATURE_X_TIMEOUT beside the flags
// does not keep a kill switch from being read, and junk in a known flag still does.
func TestAForeignVariableIsNoMistake(t *testing.T) {
	t.Parallel()
	env := map[string]string{"FEATURE_X_TIMEOUT": "30s", "FEATURE_TWITCH_MODERATION": "false", "FEATURE_OTHER": "true"}
	flags, err := featureflag.FromEnvironment(env, "twitch_moderation")
	if _, there := flags["twitch_moderation"]; err != nil || !there {
		t.Errorf("%v, %v", flags, err)
	}
	env["FEATURE_TWITCH_MODERATION"] = "maybe"
	if _, err := featureflag.FromEnvironment(env, "twitch_moderation"); err == nil {
		t.Error("junk in a known flag is taken")
	}
}

// FuzzEnvironment: whatever stands in the variables, it is an error or a flag that
// says again what it was told.
func FuzzEnvironment(f *testing.F) {
	f.Add("true", "10", "a,b")
	f.Add("", "100.00", ",")
	f.Fuzz(func(t *testing.T, enabled, percentage, users string) {
		e, p, u := featureflag.Variables("twitch_moderation")
		flags, err := featureflag.FromEnvironment(map[string]string{e: enabled, p: percentage, u: users})
		if err != nil {
			return
		}
		first := flags["twitch_moderation"]
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		again, err := featureflag.FromEnvironment(map[string]string{
			e: fmt.Sprint(first.Enabled), p: first.Percentage.String(), u: strings.Join(first.Users(), ","),
		})
		if err != nil || !first.Same(again["twitch_moderation"]) {
			t.Errorf("%s comes back as %s, %v", text, again["twitch_moderation"], err)
		}
	})
}
