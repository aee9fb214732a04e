package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"
)

func schemaCommand() command {
	codes := []ops.ExitCode{ops.ExitFailed, ops.ExitUsage, ops.ExitRefused, ops.ExitInterrupted}
	return command{
		name:  "schema",
		usage: "the schema as a file, and how two schemas differ",
		description: `A schema is read from db (the database of the settings), a postgres:// URL, a
snapshot FILE, or a migrations DIR[@VERSION], which is built from nothing on a
scratch database (see --rehearse-on). Rows are never read.`,
		subcommands: []command{
			{
				name:      "snapshot",
				usage:     "write every object of a schema with its definition, as JSON",
				argsUsage: "[SOURCE]",
				maxArgs:   1,
				flags: []cli.Flag{
					&cli.StringFlag{Name: "out", Usage: "write to this `FILE` instead of stdout"},
					exceptFlag(),
					rehearseOnFlag(),
				},
				examples: []string{
					"clipperops schema snapshot --env production --out production.json",
					"clipperops schema snapshot backend/migrations@97 --out 97.json",
				},
				codes:  codes,
				action: schemaSnapshot,
			},
			{
				name:        "diff",
				usage:       "how schema B differs from schema A",
				description: `+ is in B alone, - in A alone, ~ in both and not the same. Exit code 0: equal, 3: not.`,
				argsUsage:   "A B",
				minArgs:     2, maxArgs: 2,
				flags: []cli.Flag{exceptFlag(), rehearseOnFlag()},
				examples: []string{
					"clipperops schema diff db backend/migrations",
					"clipperops schema diff backend/migrations@96 backend/migrations@97",
					"clipperops schema diff yesterday.json db --except owner --except grant",
				},
				codes:  append([]ops.ExitCode{ops.ExitChecks}, codes...),
				action: schemaDiff,
			},
		},
	}
}

func exceptFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "except", Usage: "leave objects of this `KIND` out, e.g. owner, grant, comment, \"column order\"; repeatable"}
}

// schemaOptions reads the flags. Notes go to stderr: stdout is the schema's.
func (i *invocation) schemaOptions() (runbook.SchemaOptions, error) {
	o := runbook.SchemaOptions{
		Target: func(url string) (config.Target, error) {
			return config.OtherTarget(url, config.Sources{Environ: i.process.environ, Home: i.process.getenv("HOME")})
		},
	}
	if !i.Bool("quiet") {
		layout := i.terminal().Layout()
		o.Note = func(text string) { fmt.Fprintln(i.process.err, layout.Spell(text)) }
	}
	known := map[pg.Kind]bool{}
	for _, k := range pg.Kinds() {
		known[k] = true
	}
	for _, name := range i.StringSlice("except") {
		kind := pg.Kind(strings.TrimSpace(name))
		if !known[kind] {
			return o, usageError(i.path, "there is no kind of object %q to leave out; the kinds are %s", name, listKinds())
		}
		o.Except = append(o.Except, kind)
	}
	return o, nil
}

func listKinds() string {
	var names []string
	for _, k := range pg.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// schemaSnapshot prints a schema, or writes it to a file.
func schemaSnapshot(i *invocation) error {
	source := "db"
	if i.Args().Present() {
		source = i.Args().First()
	}
	s, err := i.session()
	if err != nil {
		return err
	}
	o, err := i.schemaOptions()
	if err != nil {
		return err
	}
	ctx, cancel := i.deadline()
	defer cancel()
	schema, err := runbook.ReadSchema(ctx, s, source, o)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := runbook.WriteSchema(&text, schema); err != nil {
		return err
	}
	out := i.String("out")
	if out == "" {
		_, err := i.process.out.Write(text.Bytes())
		return err
	}
	if err := renameio.WriteFile(out, text.Bytes(), 0o644); err != nil {
		return &ops.Failure{What: "the snapshot could not be written to " + out, Detail: []string{err.Error()}, State: []string{"nothing was changed"}, Err: err}
	}
	return i.list(snapshotList(schema, out, text.Bytes()))
}

// writtenSnapshot is a snapshot's file as clipperops/list/v1 prints it.
type writtenSnapshot struct {
	*runbook.Schema
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

func snapshotList(schema *runbook.Schema, file string, text []byte) reports.List {
	sum := sha256.Sum256(text)
	written := writtenSnapshot{Schema: schema, File: file, SHA256: hex.EncodeToString(sum[:])}
	return reports.List{
		Items:   []writtenSnapshot{written},
		Columns: []string{"file", "schema of", "objects", "sha256"},
		Rows:    [][]string{{file, schemaTitle(schema), reports.Count(int64(schema.Objects)), written.SHA256[:12] + "…"}},
	}
}

// schemaDiff prints how two schemas differ.
func schemaDiff(i *invocation) error {
	s, err := i.session()
	if err != nil {
		return err
	}
	o, err := i.schemaOptions()
	if err != nil {
		return err
	}
	ctx, cancel := i.deadline()
	defer cancel()
	diff, err := runbook.DiffSchemas(ctx, s, i.Args().Get(0), i.Args().Get(1), o)
	if err != nil {
		return err
	}
	review := schemaReview{SchemaDiff: diff, except: o.Except}
	if i.json() {
		err = review.json(i.process.out)
	} else {
		err = review.text(i.process.out, i.terminal().Layout())
	}
	if err == nil && len(diff.Changes) > 0 {
		return shownError{ops.ExitChecks}
	}
	return err
}
