package envfile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
)

// FuzzEdit: whatever the file holds, it is refused, or edited so that the flag is
// what it is to be, nothing is lost but the three values, and a second edit changes
// nothing.
func FuzzEdit(f *testing.F) {
	const e, p, u = "FEATURE_TWITCH_MODERATION", "FEATURE_TWITCH_MODERATION_ROLLOUT_PERCENTAGE", "FEATURE_TWITCH_MODERATION_ENABLED_USERS"
	for _, seed := range []string{
		"", "\n", "A=1", "A=1\r\n" + e + "=false\r\n", "export " + e + " = \"false\" # why\n" + p + "='0'\n", e + "=true\n" + e + "=false\n",
		"A='\n" + e + "=false\n'\n", "A=\"x\\\"\n" + e + "=1\"\n", e + ": true\n" + u + "=a,b # two\n", "\ufeff" + e + "=true\n", "A=$" + e + "\n" + e + "=false\n",
		e + "=false#no comment\n", e + "=\"fal\nse\"\n", "#" + e + "=false", e + "=\n\n\n" + p + "=5", e + "='false\n" + p + "=1\n",
		e + "=${B}\nB=true\n", "A=${" + p + "}\n", "A=`\n" + e + "=0\n", e + "=false\r" + p + "=1\r",
	} {
		f.Add([]byte(seed))
	}
	flag, err := featureflag.New("twitch_moderation", true, 1250, []string{"a", "b"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		before := bytes.Clone(content)
		out, err := edit(content, flag)
		if !bytes.Equal(before, content) {
			t.Fatal("the content itself was changed")
		}
		if err != nil {
			return
		}
		state, err := form{}.Parse(out)
		if err != nil {
			return // another flag in it is junk
		}
		if !state[flag.Key].Same(flag) {
			t.Fatalf("it is %s in %q", state[flag.Key], out)
		}
		if strings.Count(string(content), "\r") != strings.Count(string(content), "\r\n") {
			return // a lone CR: the variable is written again at the end
		}
		again, err := edit(out, flag)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("a second edit of %q makes %q, %v", out, again, err)
		}
	})
}

// FuzzFile: whatever the file holds, it is flags or an error that quotes nothing long of it.
func FuzzFile(f *testing.F) {
	f.Add([]byte("FEATURE_A=true\nFEATURE_A_ENABLED_USERS=a,b\n"))
	f.Add([]byte("A=\"\\\n"))
	f.Add([]byte("A=${"))
	f.Fuzz(func(t *testing.T, content []byte) {
		state, err := form{}.Parse(content)
		if err != nil {
			return
		}
		for key, fl := range state {
			if fl.Key != key || fl.Version <= 0 || fl.Percentage > featureflag.Everybody {
				t.Fatalf("%q: %+v", key, fl)
			}
		}
	})
}
