package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestArrangePutsFlagsBeforePositionals guards against urfave/cli v2 ignoring
// every flag that stands after a positional.
func TestArrangePutsFlagsBeforePositionals(t *testing.T) {
	t.Parallel()
	tests := []struct{ typed, want string }{
		{"preflight --env production", "preflight --env production"},
		{"--env production preflight", "preflight --env production"},
		{"backup restore file.gz --into x --env prod", "backup restore --into x --env prod -- file.gz"},
		{"--env=prod backup --yes restore file.gz --into=x", "backup restore --env=prod --yes --into=x -- file.gz"},
		{"migrate status -e prod", "migrate status -e prod"},
		{"migrate -e prod status", "migrate status -e prod"},
		{"rollback --target 10 --yes", "rollback --target 10 --yes"},
		{"completion bash", "completion bash"},
		{"completion -- --bash", "completion -- --bash"},
		{"backup restore migrate --into x", "backup restore --into x -- migrate"},
		{"migrate --nosuch 97", "migrate --nosuch -- 97"},
		{"rollback --target", "rollback --target"},
		{"help rollback", "help rollback"},
		{"help backup restore", "help backup restore"},
		{"", ""},
	}
	app := newApp(process{})
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, strings.Join(arrange(app, strings.Fields(tt.typed)), " ")); diff != "" {
			t.Errorf("%q:\n%s", tt.typed, diff)
		}
	}
}

func FuzzArrangeLosesNothing(f *testing.F) {
	f.Add("rollback --target 10 -- -x")
	f.Add("backup restore f --into")
	app := newApp(process{})
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Fields(line)
		count := map[string]int{}
		for _, a := range args {
			count[a]++
		}
		for _, a := range arrange(app, args) {
			count[a]--
		}
		for arg, n := range count {
			if n != 0 && arg != "--" {
				t.Errorf("%q: %q is %d times too few", line, arg, n)
			}
		}
	})
}
