package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
)

// schemaDiffFormat names the shape of a schemaReview in JSON.
const schemaDiffFormat = "clipperops/schema-diff/v1"

// schemaReview is how two schemas differ, for people and for machines.
type schemaReview struct {
	*runbook.SchemaDiff
	except []pg.Kind
}

// json writes the review as one document.
func (r schemaReview) json(w io.Writer) error {
	document := struct {
		Format  string          `json:"schema"`
		A       *runbook.Schema `json:"a"`
		B       *runbook.Schema `json:"b"`
		Equal   bool            `json:"equal"`
		Except  []pg.Kind       `json:"except,omitempty"`
		Notes   []string        `json:"notes,omitempty"`
		Changes []pg.Change     `json:"changes"`
	}{schemaDiffFormat, r.A, r.B, len(r.Changes) == 0, r.except, r.Notes, r.Changes}
	if document.Changes == nil {
		document.Changes = []pg.Change{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// text writes the review as lines: both sides, every difference with what came or
// went along, and the sum.
func (r schemaReview) text(w io.Writer, l reports.Layout) error {
	var b strings.Builder
	line := func(role reports.Role, text string) {
		indent := len(text) - len(strings.TrimLeft(text, " "))
		b.WriteString(text[:indent] + painted(l, role, l.Spell(text[indent:])) + "\n")
	}
	if !l.Quiet {
		line(reports.RoleHeading, "--- "+schemaTitle(r.A))
		line(reports.RoleHeading, "+++ "+schemaTitle(r.B))
		for _, c := range r.Changes {
			for _, text := range c.Lines() {
				line(roleOfChange(text), text)
			}
		}
		for _, note := range r.Notes {
			line(reports.RoleWarn, l.Mark(ops.StatusWarn)+" "+note)
		}
		b.WriteString("\n")
	}
	line(reports.RolePlain, r.sum())
	_, err := io.WriteString(w, b.String())
	return err
}

// schemaTitle says of what a schema is: "clipper@db:5432/clipper_db, version 97, PostgreSQL 15".
func schemaTitle(s *runbook.Schema) string {
	text := s.Source
	if s.Version != nil {
		text += fmt.Sprintf(", version %d", *s.Version)
	}
	if s.Dirty {
		text += ", dirty"
	}
	return text + fmt.Sprintf(", PostgreSQL %d", s.ServerVersionNum/10000)
}

// roleOfChange colours a line by the mark it begins with.
func roleOfChange(line string) reports.Role {
	switch strings.TrimLeft(line, " ")[0] {
	case '+':
		return reports.RolePass
	case '-':
		return reports.RoleFail
	case '~':
		return reports.RoleWarn
	}
	return reports.RolePlain
}

func painted(l reports.Layout, role reports.Role, text string) string {
	if l.Paint == nil || text == "" {
		return text
	}
	return l.Paint(role, text)
}

// sum counts the differences; what came or went along with something is not counted.
func (r schemaReview) sum() string {
	if len(r.Changes) == 0 {
		return fmt.Sprintf("The schemas are equal: %s objects.", reports.Count(int64(r.A.Objects)))
	}
	counts := map[pg.ChangeOp]int{}
	for _, c := range r.Changes {
		counts[c.Op]++
	}
	var parts []string
	for _, kind := range []struct {
		op   pg.ChangeOp
		text string
	}{{pg.Removed, "only in the first"}, {pg.Added, "only in the second"}, {pg.Altered, "not the same in both"}} {
		if n := counts[kind.op]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind.text))
		}
	}
	word := "differences"
	if len(r.Changes) == 1 {
		word = "difference"
	}
	return fmt.Sprintf("%d %s: %s.", len(r.Changes), word, strings.Join(parts, ", "))
}
