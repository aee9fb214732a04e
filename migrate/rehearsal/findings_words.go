package rehearsal

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clipper/clipperops/migrate"
)

// lasting is a duration as people say it: "0.04 s", "0.8 s", "21 s", "4 min".
func lasting(d time.Duration) string {
	switch s := d.Seconds(); {
	case s < 0.01:
		return "0.01 s" // shorter is of no interest to anybody
	case s < 0.095:
		return fmt.Sprintf("%.2f s", s)
	case s < 9.95:
		return fmt.Sprintf("%.1f s", s)
	case s < 119.5:
		return fmt.Sprintf("%.0f s", s)
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// grouped is a number with its thousands apart: "1,200,000".
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// counted is a number with its noun: "1 table", "12 tables".
func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "x") {
		return grouped(int64(n)) + " " + one + "es"
	}
	return grouped(int64(n)) + " " + one + "s"
}

// sized is a number of bytes in decimal units: "96 kB", "1.9 GB".
func sized(n int64) string {
	value, unit := float64(n), "bytes"
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		if value < 999.5 {
			break
		}
		value, unit = value/1000, u
	}
	if unit != "bytes" && value < 9.95 {
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}

// String is the size for a parenthesis: "1,200,000 rows", "about 180 MB, rows not counted".
func (s Size) String() string {
	switch {
	case s.Rows < 0 && s.Bytes > 0:
		return sized(s.Bytes) + ", rows never counted"
	case s.Rows < 0:
		return "rows never counted"
	case s.Rows == 1:
		return "1 row"
	}
	return grouped(s.Rows) + " rows"
}

// inParentheses is the relation's size on the target behind a space, "" where it has none.
func (o *Outcome) inParentheses(r Relation) string {
	size, known := o.Sizes[r.String()]
	if !known {
		return ""
	}
	return " (" + size.String() + ")"
}

// and lists a few words; more than that are counted.
func and(words []string) string {
	const few = 4
	switch n := len(words); {
	case n > few+1:
		return strings.Join(words[:few], ", ") + fmt.Sprintf(" and %d more", n-few)
	case n > 1:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// brief is a statement in a few words: "CREATE INDEX idx_a", "ALTER TABLE clips ADD
// COLUMN karma bigint …".
func brief(s *Statement) string {
	c := readCommand(nil, s)
	p := c.phrase()
	if len(p) == 0 {
		return "the statement"
	}
	if rest := p; rest.take("CREATE") {
		rest.take("UNIQUE")
		rest.take("INDEX")
		rest.take("IF", "NOT", "EXISTS")
		if p.hasAnywhere("INDEX") && len(p)-len(rest) > 1 && !rest.begins("ON") && !rest.begins("CONCURRENTLY") {
			return inOneLine(p[:len(p)-len(rest)].String() + " " + rest.name())
		}
		for _, end := range [][]string{{"REFERENCES"}, {"FOR", "EACH"}} {
			if i := p.index(end...); i > 0 {
				p = p[:i]
			}
		}
		if i := indexOfParenthesis(p); i > 0 {
			p = p[:i]
		}
	}
	if rest := p; rest.take("ALTER", "TABLE") {
		if i := p.index("ADD", "CONSTRAINT"); i > 0 && i+3 < len(p) && len(p.parts()) == 1 {
			p = p[:i+3] // its name says enough
		}
	}
	const most = 80
	text := []rune(inOneLine(p.String()))
	if len(text) > most {
		return strings.TrimSpace(string(text[:most-1])) + "…"
	}
	return string(text)
}

// inOneLine is a text without line ends, which strings and names may have.
func inOneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func indexOfParenthesis(p phrase) int {
	for i, t := range p {
		if t.IsPunct("(") {
			return i
		}
	}
	return -1
}

// at is the place of a statement: "000049_x.up.sql line 12".
func (f *File) at(s *Statement) string {
	if s == nil {
		return f.FileName
	}
	return fmt.Sprintf("%s line %d", f.FileName, s.Line)
}

// version is a version for people; -1 is none.
func version(v int64) string {
	if v < 0 {
		return "none"
	}
	return strconv.FormatInt(v, 10)
}

// forward reports whether the rehearsed plan goes up.
func (o *Outcome) forward() bool { return o.Plan == nil || o.Plan.Direction != migrate.Down }

// each calls visit for every measured statement of the first pass.
func (o *Outcome) each(visit func(*File, *Statement)) {
	there := o.Pass(There)
	if there == nil {
		return
	}
	for i := range there.Files {
		f := &there.Files[i]
		for j := range f.Statements {
			visit(f, &f.Statements[j])
		}
	}
}
