package release

import (
	"errors"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/metrics/expression"
)

// FuzzRead guards against files that make the loader panic, and against a
// release that is accepted but cannot be worked with.
func FuzzRead(f *testing.F) {
	f.Add(favourites(f))
	f.Add(string(moderation))
	f.Add(rolloutOf(f, "  series: [{name: s, is: c}]\n  surveillance: {title: S, total: s, bad: 'c{a=\"b\"}', healthy: 2%, alternatives: [4%], evidence: 9, action: off}\n"))
	f.Add("name: x\nmigrations: [{version: 1, name: a}]")
	f.Add("a: &a [*a]")
	f.Add("? {a: b}\n: c")
	f.Fuzz(func(t *testing.T, body string) {
		r, err := Read(strings.NewReader(body))
		if err != nil {
			var wrong *FileError
			if !errors.As(err, &wrong) || len(wrong.Problems) == 0 {
				t.Fatalf("an error that names no problem: %v", err)
			}
			return
		}
		if !r.Owns(r.First()) || !r.Owns(r.Target) || r.Floor >= r.First() {
			t.Fatalf("versions %v, floor %d, target %d", r.Versions(), r.Floor, r.Target)
		}
		for _, u := range r.Rollout.uses() {
			if _, err := expression.ParseSelector(*u.says); err != nil && *u.says != "" && r.Rollout.Flag != "" {
				t.Fatalf("%s is %q: %v", u.path, *u.says, err)
			}
		}
		tests := map[string]bool{}
		for _, w := range r.Writes.Tests {
			if w.AppliesAt(int64(r.Target)) {
				tests[w.Table] = true
			}
		}
		for _, table := range r.Tables() {
			if !tests[table] {
				t.Fatalf("no write test for %s", table)
			}
		}
		if len(r.Tables()) > len(r.Made()) || len(r.TablesAt(int64(r.Target))) < len(r.Tables()) {
			t.Fatal("objects are lost")
		}
	})
}
