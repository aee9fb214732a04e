package notify_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/notify"
)

// TestTemplates: the kind's own words, with all of the message at hand; other kinds
// keep theirs, and so does one whose template fails.
func TestTemplates(t *testing.T) {
	t.Parallel()
	parsed, err := notify.ParseTemplates(notify.Templates{
		"rollback": "{{.Flag}} in {{.Environment}}: {{.Title}}{{range .Facts}} {{.Name}}={{.Value}}{{end}}\n",
		"short":    "{{(index .Facts 0).Name}}",
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	q := notify.New([]notify.Channel{notify.Writer(&out)}, notify.Options{Templates: parsed})
	for _, key := range []string{"rollback", "rollback:x", "other:rollback", "short"} {
		m := notify.Message{Key: key, Title: "t", Text: "own", Flag: "f", Environment: "e", Level: notify.Info}
		if key == "rollback:x" {
			m.Facts = []notify.Fact{{Name: "n", Value: "v"}}
		}
		q.Post(m)
	}
	finish(t, q)
	want := []string{"t: f in e: t", "t: f in e: t n=v; n: v", "t: own", "t: own"}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, l := range lines {
		if !strings.HasSuffix(l, " info e f "+want[i]) {
			t.Errorf("%q, want %q", l, want[i])
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%d lines", len(lines))
	}
}

// TestBadTemplatesAreRefused at once and together, each by its kind.
func TestBadTemplatesAreRefused(t *testing.T) {
	t.Parallel()
	_, err := notify.ParseTemplates(notify.Templates{"a": "{{.Titel}}", "b": "{{", "c": "{{.Title}}", "d": "{{.Text.X}}"})
	if err == nil || !strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), `"b"`) || !strings.Contains(err.Error(), `"d"`) || strings.Contains(err.Error(), `"c"`) {
		t.Errorf("%v", err)
	}
}
