package runbook

import (
	"testing"

	"github.com/clipper/clipperops/internal/config"
)

// TestSuggestedCommandsLeadToThisDatabase guards against an operator at work on
// production being told to type a command that runs on staging.
func TestSuggestedCommandsLeadToThisDatabase(t *testing.T) {
	t.Parallel()
	s := &Session{Config: &config.Config{Environment: config.Production}, Selection: []string{"--path", "chain"}}
	const there = " --env production --path chain"
	for text, want := range map[string]string{
		"when the server is back: clipperops migrate status":                   "when the server is back: clipperops migrate status" + there,
		"to undo it: clipperops rollback --target 10":                          "to undo it: clipperops rollback --target 10" + there,
		"clipperops migrate   goes on where it stopped":                        "clipperops migrate" + there + "   goes on where it stopped",
		"then: clipperops preflight; clipperops backup list shows what can go": "then: clipperops preflight" + there + "; clipperops backup list" + there + " shows what can go",
		"restore it (clipperops backup list), or not":                          "restore it (clipperops backup list" + there + "), or not",
		s.invocation("migrate"):                                                s.invocation("migrate"),
		"set it: clipperops migrate repair --apply":                            "set it: clipperops migrate repair --apply" + there,
		"set it to what you know: clipperops migrate force VERSION":            "set it to what you know: clipperops migrate force VERSION" + there,
		"clipperops preflight --path backend/here":                             "clipperops preflight --path backend/here" + there,
		"wait for clipperops migrate (alice@ops1)":                             "wait for clipperops migrate (alice@ops1)",
		"use the clipperops that brought it there":                             "use the clipperops that brought it there",
		s.invocation("backup restore a.sql.gz --into b"):                       s.invocation("backup restore a.sql.gz --into b"),
		"mend the file": "mend the file",
		"":              "",
	} {
		if got := s.addressed(text); got != want {
			t.Errorf("%q became\n%q, want\n%q", text, got, want)
		}
	}
}
