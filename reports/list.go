package reports

import (
	"io"
	"reflect"
	"strings"
)

// ListSchema names the shape of the documents of commands that only list.
const ListSchema = "clipperops/list/v1"

// List is what a command that only lists has to say: the items for machines and
// a table of the same for people.
type List struct {
	// Items becomes the document's items; a slice. Nil is an empty list.
	Items any
	// Columns heads the table, Rows fills it.
	Columns []string
	Rows    [][]string
	// Empty is what text says when there are no rows, e.g. "no backups in /var/backups/clipper".
	Empty string
}

// ListDocument is a List as JSON.
type ListDocument struct {
	// Schema is ListSchema.
	Schema string `json:"schema"`
	Items  any    `json:"items"`
}

// JSON writes the list as one ListDocument.
func (l List) JSON(w io.Writer) error {
	items := l.Items
	if v := reflect.ValueOf(items); !v.IsValid() || v.Kind() == reflect.Slice && v.IsNil() {
		items = []any{}
	}
	return encode(w, ListDocument{Schema: ListSchema, Items: items})
}

// Text writes the list as a table; where that does not fit the width, each row
// becomes a few lines of its own.
func (l List) Text(w io.Writer, layout Layout) error {
	lines := l.lines(layout)
	if len(lines) == 0 {
		return nil
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

func (l List) lines(layout Layout) []string {
	if len(l.Rows) == 0 {
		if l.Empty == "" {
			return nil
		}
		return layout.block(nil, 2, RolePlain, words(layout.Spell(l.Empty)), span{})
	}
	widths := make([]int, len(l.Columns))
	rows := append([][]string{l.Columns}, l.Rows...)
	for i, row := range rows {
		clean := make([]string, len(l.Columns))
		for j := range clean {
			if j < len(row) {
				clean[j] = layout.Spell(row[j])
			}
			widths[j] = max(widths[j], columns(clean[j]))
		}
		rows[i] = clean
	}
	total := 2 * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	// Not capped like prose: a wide terminal may hold a wide table.
	if total <= max(layout.Width, layout.Columns()) {
		return layout.table(rows, widths)
	}
	return layout.records(rows)
}

func (l Layout) table(rows [][]string, widths []int) []string {
	lines := make([]string, len(rows))
	for i, row := range rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			cells[j] = pad(cell, widths[j])
		}
		lines[i] = strings.TrimRight(strings.Join(cells, "  "), " ")
		if i == 0 {
			lines[i] = l.paint(RoleHeading, lines[i])
		}
	}
	return lines
}

// records sets each row as its first cell and, indented below, the named others.
func (l Layout) records(rows [][]string) []string {
	heads := rows[0]
	column := 0
	for _, h := range heads[1:] {
		column = max(column, columns(h))
	}
	var lines []string
	for _, row := range rows[1:] {
		lines = append(lines, l.block(nil, 2, RoleHeading, words(row[0]), span{})...)
		for j, cell := range row[1:] {
			if cell == "" {
				continue
			}
			head := []span{{RolePlain, "  "}, {RoleFaint, pad(heads[j+1], column)}, {RolePlain, "  "}}
			lines = append(lines, l.block(head, column+4, RolePlain, words(cell), span{})...)
		}
	}
	return lines
}
