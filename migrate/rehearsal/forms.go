package rehearsal

import (
	"fmt"
	"slices"
	"strings"
)

// form is the safe form of one statement.
type form struct {
	file *File
	// line is where the statement begins.
	line int
	// trap is the kind of statement it is, "" where the form is no trap's.
	trap string
	// text is the form as a fix has it.
	text string
}

// formsOf are the safe forms of a statement, one for each kind that it is.
func formsOf(f *File, s *Statement, advice []Advice) []form {
	all := make([]form, 0, len(advice))
	for _, a := range advice {
		all = append(all, form{file: f, line: s.Line, trap: a.Trap, text: "safe form: " + a.Safe})
	}
	return all
}

// mostForms is how many safe forms a warning shows in full.
const mostForms = 6

// formLines are safe forms as a fix: a line for each, with the place of its statement where
// there are several. Equal ones are one line, and of many the last ones are told of by
// their kind.
func formLines(forms []form) string {
	alike := gathered(forms)
	several := len(forms) > 0 && slices.ContainsFunc(forms, func(f form) bool { return f.file != forms[0].file || f.line != forms[0].line })
	if len(alike) > mostForms {
		var rest []form
		for _, group := range alike[mostForms:] {
			for _, f := range group {
				f.text = "likewise: " + insteadOf(f.trap)
				rest = append(rest, f)
			}
		}
		alike = append(alike[:mostForms:mostForms], gathered(rest)...)
	}
	lines := make([]string, 0, len(alike))
	for _, group := range alike {
		line := group[0].text
		if several {
			line = placesOf(group) + ": " + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// distinctForms leaves out what was said of the same statement before.
func distinctForms(forms []form) []form {
	var all []form
	for _, f := range forms {
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

// gathered puts forms of the same text together, in the order they come.
func gathered(forms []form) [][]form {
	var groups [][]form
	for _, f := range forms {
		at := slices.IndexFunc(groups, func(g []form) bool { return g[0].text == f.text })
		if at < 0 {
			groups = append(groups, []form{f})
			continue
		}
		if !slices.Contains(groups[at], f) {
			groups[at] = append(groups[at], f)
		}
	}
	return groups
}

// placesOf names the lines of each file: "000049_x.up.sql lines 3, 7 and 9".
func placesOf(forms []form) string {
	var places []string
	for i := 0; i < len(forms); {
		var numbers []string
		file := forms[i].file
		for ; i < len(forms) && forms[i].file == file; i++ {
			if n := fmt.Sprint(forms[i].line); !slices.Contains(numbers, n) {
				numbers = append(numbers, n)
			}
		}
		word := "line"
		if len(numbers) > 1 {
			word = "lines"
		}
		places = append(places, fmt.Sprintf("%s %s %s", file.FileName, word, and(numbers)))
	}
	return and(places)
}

// insteadOf is the safe form of a kind in general.
func insteadOf(name string) string {
	for _, t := range traps {
		if t.name == name {
			return t.instead
		}
	}
	return "a file of its own"
}

// slows reports whether a kind's safe form is about how long others wait, and not about
// what they know by name or what is lost.
func slows(name string) bool {
	i := slices.IndexFunc(traps, func(t trap) bool { return t.name == name })
	return i < 0 || traps[i].rewrites || traps[i].scans || traps[i].lock >= Share && traps[i].note == ""
}
