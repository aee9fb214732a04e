package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/google/renameio/v2"
)

// pages are the documents that are written from the code, by file name.
var pages = map[string]func() string{
	"checks.md":     checksPage,
	"exit-codes.md": exitCodesPage,
}

func docsCommand() command {
	return command{
		name:      "docs",
		usage:     "write the generated pages of the documentation",
		argsUsage: "DIR",
		minArgs:   1, maxArgs: 1,
		hidden: true,
		codes:  []ops.ExitCode{ops.ExitFailed, ops.ExitUsage},
		action: func(i *invocation) error {
			for name, page := range pages {
				if err := renameio.WriteFile(filepath.Join(i.Args().First(), name), []byte(page()), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// exitCodesPage is docs/exit-codes.md.
func exitCodesPage() string {
	var b strings.Builder
	b.WriteString(`# Exit codes

One table in the code (internal/ops/exitcode.go) from which this page, the help and the tests are made.

| code | outcome | means |
|---|---|---|
`)
	for _, row := range ops.ExitCodes {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", row.Code, row.Outcome, row.Means)
	}
	b.WriteString("\nThe outcome is what `--output json` calls it; a run with warnings has the outcome `warn` and exit code 0.\n" +
		"\nThis page is written by `make docs`; a test fails when it is stale.\n")
	return b.String()
}
