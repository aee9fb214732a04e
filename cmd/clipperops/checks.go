package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/preflight"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
	"github.com/clipper/clipperops/validate"
)

func checksCommand() command {
	return command{
		name:  "checks",
		usage: "every check there is: its id, what it looks at, whether a finding stops the operation",
		examples: []string{
			"clipperops checks",
			"clipperops checks --output json",
		},
		codes: []ops.ExitCode{ops.ExitUsage},
		action: func(i *invocation) error {
			l := reports.List{Columns: []string{"id", "group", "finding", "what is checked"}}
			var items []checkItem
			for _, c := range catalogue() {
				item := itemOf(c)
				items = append(items, item)
				l.Rows = append(l.Rows, []string{item.ID, item.Group, item.Severity, item.Title})
			}
			l.Items = items
			return i.list(l)
		},
	}
}

// checkItem is a check as clipperops/list/v1 prints it.
type checkItem struct {
	ID    string `json:"id"`
	Group string `json:"group"`
	Title string `json:"title"`
	// Severity is "stops" or "warns".
	Severity string `json:"severity"`
}

func itemOf(c ops.Check) checkItem {
	item := checkItem{ID: c.ID, Group: c.Group, Title: c.Title, Severity: "warns"}
	if c.Fatal {
		item.Severity = "stops"
	}
	return item
}

// catalogue is every check of every verb, in the order they run.
func catalogue() []ops.Check {
	return slices.Concat(
		preflight.Catalogue(),
		validate.Catalogue(release.Moderation()),
		runbook.Catalogue(),
	)
}

// checksPage is docs/checks.md.
func checksPage() string {
	var b strings.Builder
	b.WriteString(`# Checks

Every check clipperops makes, by its id. The id is stable: it names the check in reports, in JSON and as the JUnit case.
"stops" means a finding ends the command; "warns" means it is shown and the command goes on. A check that could not run
is a failure, whatever its severity: not knowing is never a pass.

This page is written by ` + "`make docs`" + `; a test fails when it is stale.
`)
	group := ""
	for _, c := range catalogue() {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "\n## %s\n\n| id | finding | what is checked |\n|---|---|---|\n", group)
		}
		item := itemOf(c)
		fmt.Fprintf(&b, "| <a id=\"%s\"></a>`%s` | %s | %s |\n", item.ID, item.ID, item.Severity, strings.ReplaceAll(item.Title, "|", `\|`))
	}
	return b.String()
}
