package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
)

// TestHelpOfNothingIsAMistake guards against a mistyped command that, with --help,
// printed nothing and succeeded.
func TestHelpOfNothingIsAMistake(t *testing.T) {
	t.Parallel()
	app := newApp(process{})
	for typed, want := range map[string]string{
		"nonsense --help":           `there is no command "nonsense"`,
		"-h nonsense":               `there is no command "nonsense"`,
		"migrate nonsense --help":   `there is no command "migrate nonsense"`,
		"rehearse --help":           `did you mean "migrate rehearse"?`,
		"backup --env prod xx -h":   `there is no command "backup xx"`,
		"migrate --help":            "",
		"--help":                    "",
		"backup restore file -h":    "",
		"migrate rehearse x --help": "",
	} {
		args, err := helpOf(app, arrange(app, strings.Fields(typed)))
		switch {
		case want == "":
			if err != nil || slices.Contains(args, "--") {
				t.Errorf("%q: %q, %v", typed, args, err)
			}
		case err == nil || ops.AsFailure(err).Code != ops.ExitUsage || !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %q", typed, err, want)
		}
	}
}

// TestAMistakeNamesTheHelpOfItsCommand guards against a page of a command that is not
// there: the path of a subcommand was lost.
func TestAMistakeNamesTheHelpOfItsCommand(t *testing.T) {
	t.Parallel()
	app := newApp(process{})
	err := app.Run([]string{"clipperops", "migrate", "rehearse", "--no-rehearse"})
	if err == nil || !strings.Contains(strings.Join(ops.AsFailure(err).Next, " "), "clipperops migrate rehearse --help") {
		t.Errorf("%v: %q", err, ops.AsFailure(err).Next)
	}
}
