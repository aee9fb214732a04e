package envfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Whatever stands in the flag's lines, it can be turned off, and what is understood stays.
func TestAFlagThatIsNotUnderstoodCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	const key = "twitch_moderation"
	for name, c := range map[string]struct{ enabled, percentage, users, wrong, kept string }{
		"percentage": {"true", "1OO", "u1,u2", "line 3: FEATURE_TWITCH_MODERATION_ROLLOUT_PERCENTAGE is", "u1,u2"},
		"enabled":    {"ture", "50", "u1", "line 2: FEATURE_TWITCH_MODERATION is", "u1"},
		"users":      {"true", "50", "u 1", "line 4: FEATURE_TWITCH_MODERATION_ENABLED_USERS: ", ""},
		"all":        {"ja", "alle", "u 1", "line 2: FEATURE_TWITCH_MODERATION is", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), ".env")
			write := func(enabled, percentage, users string) string {
				return "# one\nFEATURE_TWITCH_MODERATION=" + enabled + "\nexport FEATURE_TWITCH_MODERATION_ROLLOUT_PERCENTAGE=" + percentage +
					" # all\nFEATURE_TWITCH_MODERATION_ENABLED_USERS=" + users + "\nOTHER='a\nb'\n"
			}
			if err := os.WriteFile(path, []byte(write(c.enabled, c.percentage, c.users)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path, key).Load(t.Context()); err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Fatalf("it is read as usual: %v", err)
			}
			store := OpenToTurnOff(path, key)
			flags, err := store.Load(t.Context())
			f := flags[key]
			if err != nil || !f.Enabled || f.Percentage != featureflag.Everybody || f.Version == 0 {
				t.Fatalf("%+v, %v", f, err)
			}
			off, _ := featureflag.New(key, false, 0, f.Users())
			written, err := store.Write(t.Context(), featureflag.Change{Flag: off, Expect: f.Version})
			if err != nil || !written.Same(off) {
				t.Fatalf("%v, %v", written, err)
			}
			if text, _ := os.ReadFile(path); string(text) != write("false", "0", c.kept) {
				t.Errorf("%s", text)
			}
			if again, err := Open(path, key).Load(t.Context()); err != nil || again[key].Enabled || !slices.Equal(again[key].Users(), off.Users()) {
				t.Errorf("%+v, %v", again, err)
			}
		})
	}
}

func TestTheLineThatIsNoneIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"A=1\nno line\nB=2\n":             "line 2 is",
		"A='1\n2'\nB=2\nno line\n":        "line 4 is",
		"A='1\n2\nB=2\nC=3\n":             "line 1 is",
		"\ufeffA=1\n\n# c\n  FEATURE X\n": "line 4 is",
	} {
		if _, err := (form{}).Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
