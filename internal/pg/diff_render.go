package pg

import (
	"fmt"
	"regexp"
	"strings"
)

// longDefinition is the length beyond which a line shows only what differs.
const longDefinition = 100

// String is the change as one line of a review: "+ index idx_a ON public.t USING btree (a)",
// "- table users (12 columns, 3 constraints)", "~ column users.karma integer → bigint".
func (c Change) String() string {
	head := string(c.Op) + " " + c.title()
	switch c.Op {
	case Altered:
		return head + separator(c.Kind) + c.difference()
	case Added:
		return head + c.tail(c.After)
	default:
		return head + c.tail(c.Before)
	}
}

// Lines is the change at length: its line, the lines of a definition that differ, and its parts,
// indented.
func (c Change) Lines() []string {
	lines := []string{c.String()}
	gone, come := c.definitionLines()
	for _, l := range gone {
		lines = append(lines, "    - "+l)
	}
	for _, l := range come {
		lines = append(lines, "    + "+l)
	}
	for _, p := range c.Parts {
		for _, l := range p.Lines() {
			lines = append(lines, "  "+l)
		}
	}
	return lines
}

// definitionLines are the lines of a definition that a change's own line has no room
// for: those that differ, and all of a view or function that came or went.
func (c Change) definitionLines() (gone, come []string) {
	switch {
	case c.Op == Altered && strings.Contains(c.Before+c.After, "\n"):
		return differingLines(c.Before, c.After)
	case c.Op == Altered || !hasBody(c.Kind):
		return nil, nil
	}
	text := strings.Split(strings.TrimRight(c.Before+c.After, "\n"), "\n")
	if c.Op == Added {
		return nil, text
	}
	return text, nil
}

// hasBody reports whether the definition of such an object is a text of several lines.
func hasBody(k Kind) bool {
	switch k {
	case KindView, KindMaterializedView, KindFunction, KindProcedure:
		return true
	}
	return false
}

// title is kind and name. An index goes by its bare name, its definition names the table; what is
// attached to an object reads as "owner of table users".
func (c Change) title() string {
	switch c.Kind {
	case KindOwner, KindComment, KindSecurityLabel, KindGrant, KindRevoked, KindDepends:
		joint := " on "
		if c.Kind == KindOwner || c.Kind == KindDepends {
			joint = " of "
		}
		if c.Of.IsZero() { // of something that is not in the snapshot itself
			return string(c.Kind) + joint + shortName(c.Key)
		}
		suffix := strings.TrimPrefix(c.Name, string(c.Of.Kind)+" "+c.Of.Name)
		return string(c.Kind) + joint + c.Of.String() + suffix
	case KindIndex:
		if c.Op != Altered && strings.HasPrefix(c.Before+c.After, "CREATE UNIQUE") {
			return "unique " + c.Key.String()
		}
	}
	return c.Key.String()
}

// tail is what is said of an object that came or went.
func (c Change) tail(definition string) string {
	switch c.Kind {
	case KindTable, KindForeignTable, KindView, KindMaterializedView, KindFunction, KindProcedure:
		var text string
		if definition != "" && !hasBody(c.Kind) { // what is special about the table: PARTITION BY, UNLOGGED
			text = " " + shorten(oneLine(definition))
		}
		if parts := countParts(c.Parts); parts != "" {
			text += " (" + parts + ")"
		}
		return text
	case KindIndex, KindStatistics, KindRule:
		if i := strings.Index(oneLine(definition), " ON "); i >= 0 {
			return shorten(oneLine(definition)[i:])
		}
	case KindTrigger:
		if i := strings.Index(definition, " TRIGGER "); i >= 0 {
			_, rest, _ := strings.Cut(definition[i+len(" TRIGGER "):], " ")
			return " " + oneLine(rest)
		}
	}
	if definition == "" {
		return ""
	}
	return separator(c.Kind) + shorten(oneLine(definition))
}

// separator stands between an object and its definition: none but a space where that reads as SQL.
func separator(k Kind) string {
	switch k {
	case KindOwner, KindGrant, KindRevoked, KindDefaultPrivilege, KindDefaultRevoked, KindComment, KindSecurityLabel:
		return ": "
	}
	return " "
}

// countParts sums up what went along, e.g. "12 columns, 3 constraints"; owners go without saying.
func countParts(parts []Change) string {
	var counted []string
	for i := 0; i < len(parts); {
		kind, n := parts[i].Kind, 0
		for ; i < len(parts) && parts[i].Kind == kind; i++ {
			n++
		}
		if kind != KindOwner {
			counted = append(counted, fmt.Sprintf("%d %s", n, plural(kind, n)))
		}
	}
	return strings.Join(counted, ", ")
}

func plural(k Kind, n int) string {
	switch {
	case n == 1 || k == KindStatistics:
		return string(k)
	case strings.HasSuffix(string(k), "x"):
		return string(k) + "es"
	case strings.HasSuffix(string(k), "cy"):
		return strings.TrimSuffix(string(k), "y") + "ies"
	}
	return string(k) + "s"
}

// difference is what separates the two definitions, in one line.
func (c Change) difference() string {
	if strings.Contains(c.Before, "\n") || strings.Contains(c.After, "\n") {
		gone, come := differingLines(c.Before, c.After)
		return shorten(firstOf(gone)) + " → " + shorten(firstOf(come))
	}
	words := func(s string) []string { return strings.Split(s, " ") }
	if c.Kind == KindColumn {
		words = attributes
	}
	before, after, shared := trimShared(words(c.Before), words(c.After))
	long := c.Kind == KindColumn || len(c.Before)+len(c.After) > longDefinition
	switch {
	case before == "" && (long || strings.HasPrefix(c.After, c.Before)):
		return "now " + shorten(after)
	case after == "" && (long || strings.HasPrefix(c.Before, c.After)):
		return "no longer " + shorten(before)
	case c.Kind == KindColumn:
		return shorten(before) + " → " + shorten(after)
	case long:
		return shorten(shared+before) + " → " + shorten(shared+after)
	}
	return c.Before + " → " + c.After
}

// attribute finds where the next attribute of a column's definition begins.
var attribute = regexp.MustCompile(` (COLLATE|GENERATED|DEFAULT|CONSTRAINT|NOT NULL|STORAGE|COMPRESSION|STATISTICS|OPTIONS|FOREIGN OPTIONS|INHERITED)\b`)

// attributes takes a column's definition apart: its type, its default, NOT NULL.
func attributes(definition string) []string {
	var list []string
	start := 0
	for _, at := range attribute.FindAllStringIndex(definition, -1) {
		list = append(list, definition[start:at[0]])
		start = at[0] + 1
	}
	return append(list, definition[start:])
}

// trimShared drops the words that both texts begin and end with; shared is the last of those they
// begin with, for the reader to know where he is.
func trimShared(a, b []string) (restA, restB, shared string) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		shared = a[0] + " "
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return strings.Join(a, " "), strings.Join(b, " "), shared
}

// differingLines drops the lines that both texts begin and end with.
func differingLines(a, b string) (gone, come []string) {
	gone, come = strings.Split(a, "\n"), strings.Split(b, "\n")
	for len(gone) > 0 && len(come) > 0 && gone[0] == come[0] {
		gone, come = gone[1:], come[1:]
	}
	for len(gone) > 0 && len(come) > 0 && gone[len(gone)-1] == come[len(come)-1] {
		gone, come = gone[:len(gone)-1], come[:len(come)-1]
	}
	return gone, come
}

func firstOf(lines []string) string {
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" {
			return l
		}
	}
	return "(nothing)"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func shorten(s string) string {
	const limit = 160
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return s
}

// shortName is the name as operators say it: schema public goes without saying.
func shortName(k Key) string {
	return strings.ReplaceAll(strings.TrimPrefix(k.Name, "public."), " public.", " ")
}
