package flagd

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
)

// FuzzEdit: whatever the file holds, it is refused, or edited so that the flag is what
// it is to be and nothing else is lost, and a second edit changes nothing.
func FuzzEdit(f *testing.F) {
	flag, err := featureflag.New("twitch_moderation", true, 1250, []string{"a", "b"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"", "{}", `{"flags": {}}`, `{"flags":{"a":1,"a":2}}`, all, `{"flags":{"twitch_moderation":{},"twitch_moderation":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}}}`,
		`{"flags":{"twitch_moderation":{"State":"ENABLED","state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on","x":1,"x":2}}}`,
		"{\"fl\\u0061gs\":{\"twitch\\u005fmoderation\":{\"state\":\"ENABLED\",\"variants\":{\"on\":true,\"off\":false},\"defaultVariant\":\"on\"}}}", "{\"\xff\":1,\"flags\":{}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		before := bytes.Clone(content)
		out, err := form{}.Edit(content, flag)
		if !bytes.Equal(before, content) {
			t.Fatal("the content itself was changed")
		}
		if err != nil {
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%q becomes %q", content, out)
		}
		state, err := form{}.Parse(out)
		if err != nil || !state[flag.Key].Same(flag) {
			t.Fatalf("it is %s in %q, %v", state[flag.Key], out, err)
		}
		again, err := form{}.Edit(out, flag)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("a second edit of %q makes %q, %v", out, again, err)
		}
	})
}
