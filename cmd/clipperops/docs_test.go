package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// TestGeneratedPagesAreFresh guards against docs that drift from the code.
func TestGeneratedPagesAreFresh(t *testing.T) {
	t.Parallel()
	for name, page := range pages {
		have, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(page(), string(have)); diff != "" {
			t.Errorf("docs/%s is stale; run make docs\n%s", name, diff)
		}
	}
}

// TestCheckIDsAreUnique guards the anchors, the JSON and the JUnit cases.
func TestCheckIDsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range catalogue() {
		if c.ID == "" || c.Title == "" || c.Group == "" {
			t.Errorf("check %+v lacks an id, a title or a group", itemOf(c))
		}
		if seen[c.ID] {
			t.Errorf("the id %s stands twice", c.ID)
		}
		seen[c.ID] = true
	}
	if len(seen) < 30 {
		t.Errorf("only %d checks are listed", len(seen))
	}
}

// TestFlagNamesMeanTheSameEverywhere guards arrange, which knows a flag's arity by
// its name alone.
func TestFlagNamesMeanTheSameEverywhere(t *testing.T) {
	t.Parallel()
	app := newApp(process{})
	arity := flagArity(app)
	var walk func([]*cli.Command)
	walk = func(commands []*cli.Command) {
		for _, c := range commands {
			for _, f := range c.Flags {
				_, isBool := f.(*cli.BoolFlag)
				for _, name := range f.Names() {
					if arity[name] == isBool {
						t.Errorf("--%s of %s takes a value in one command and none in another", name, c.Name)
					}
				}
			}
			walk(c.Subcommands)
		}
	}
	walk(app.Commands)
}
