package repair

import (
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// Verdict is what of a file was found to stand.
type Verdict string

// The verdicts.
const (
	// Nothing of the file stands.
	Nothing Verdict = "nothing applied"
	// All of it does.
	All Verdict = "all applied"
	// Partly says that some of it stands and some does not, or stands otherwise.
	Partly Verdict = "partly"
	// CannotTell says that the schema does not show it.
	CannotTell Verdict = "cannot tell"
)

// Finding is what an examination came to.
type Finding struct {
	Verdict Verdict `json:"verdict"`
	// Mark is the version that was examined, -1 for none: the one the row names.
	Mark int64 `json:"mark"`
	// Version is the one the database is at, -1 for none. It means something with
	// Nothing and All alone.
	Version int64 `json:"version"`
	// Subject is the version whose file was begun: the mark's own, or the next one when
	// that was on its way down. It is zero when it cannot be told.
	Subject uint64 `json:"subject,omitempty"`
	// Direction is the file's.
	Direction migrate.Direction `json:"direction,omitempty"`
	// How the versions to compare with were found out.
	How string `json:"how,omitempty"`
	// Stands, Missing and Differs are what Subject makes: what of it stands in the
	// database, what does not, and what is neither as before nor as after it.
	Stands  []pg.Change  `json:"stands,omitempty"`
	Missing []pg.Change  `json:"missing,omitempty"`
	Differs []Difference `json:"differs,omitempty"`
	// Upward leads to Subject's version, Downward to the one before it. They are made for
	// Partly; one that is nil cannot be made from the files.
	Upward   *Script `json:"upward,omitempty"`
	Downward *Script `json:"downward,omitempty"`
	// Rows are Subject's statements that change rows, which no schema shows. Certain
	// says that they stand or fall with its objects all the same.
	Rows    []Line `json:"rows,omitempty"`
	Certain bool   `json:"rows_certain,omitempty"`
	// Broken are its statements that cannot be run as they are written.
	Broken []Line `json:"broken,omitempty"`
	// Skipped are those that were not run for the comparison.
	Skipped []Line `json:"skipped,omitempty"`
	// Elsewhere is how the database differs from the files in what Subject does not
	// touch. It does not matter here.
	Elsewhere []pg.Change `json:"elsewhere,omitempty"`
	// Invalid are the INVALID indexes of the database, also those of other versions.
	Invalid []InvalidIndex `json:"invalid,omitempty"`
	// Foreign is why the database is none of these files', "" where it can be one of theirs.
	Foreign string `json:"foreign,omitempty"`
	// Reasons are why it cannot be told, or what the verdict leaves open.
	Reasons []string `json:"reasons,omitempty"`
}

// Difference is an object that is neither as before the file nor as after it.
type Difference struct {
	Object pg.Key `json:"object"`
	// Is, Before and After are definitions, "" for an object that is not there.
	Is     string `json:"is"`
	Before string `json:"before"`
	After  string `json:"after"`
	// Invalid says that it is the index of the file, built half way.
	Invalid bool `json:"invalid,omitempty"`
}

// String is the difference in a line.
func (d Difference) String() string {
	switch {
	case d.Invalid:
		return d.Object.String() + " is INVALID: its building was cut off"
	case d.Is == "":
		return d.Object.String() + " is not there"
	}
	return fmt.Sprintf("%s is %s", d.Object, d.Is)
}

// Line is a statement of a file, and what is to be said of it.
type Line struct {
	File string `json:"file"`
	Line int    `json:"line"`
	// SQL is its first words.
	SQL string `json:"sql"`
	// Why is what the server or we say of it.
	Why string `json:"why,omitempty"`
}

// String is the line with its place.
func (l Line) String() string {
	text := fmt.Sprintf("%s line %d: %s", l.File, l.Line, l.SQL)
	if l.Why != "" {
		text += ": " + l.Why
	}
	return text
}

// Settled reports whether the version is known.
func (f *Finding) Settled() bool { return f.Verdict == Nothing || f.Verdict == All }

// VersionName is a version in words, -1 is none: "version 48".
func VersionName(v int64) string {
	if v < 0 {
		return "no version"
	}
	return fmt.Sprintf("version %d", v)
}

func id(v uint64) string { return fmt.Sprintf("%06d", v) }

// Summary is the finding in one line.
func (f *Finding) Summary() string {
	mark := "the first migration"
	if f.Mark >= 0 {
		mark = id(uint64(f.Mark))
	}
	switch f.Verdict {
	case Nothing:
		if f.Direction == migrate.Down {
			return fmt.Sprintf("nothing of %s was undone: %s, clean", id(f.Subject), VersionName(f.Version))
		}
		return fmt.Sprintf("nothing of %s was applied: %s, clean", id(f.Subject), VersionName(f.Version))
	case All:
		if f.Mark < 0 {
			return fmt.Sprintf("all of %s was undone: no version, clean", id(f.Subject))
		}
		return fmt.Sprintf("all of %s was applied: %s, clean", mark, VersionName(f.Version))
	case Partly:
		verb := "applied"
		if f.Direction == migrate.Down {
			verb = "undone"
		}
		return fmt.Sprintf("%s was %s in part: %s", id(f.Subject), verb, f.amounts())
	}
	if f.Foreign != "" {
		return fmt.Sprintf("this database is not one that these files made: it cannot be told what of %s was applied", mark)
	}
	return fmt.Sprintf("it cannot be told from the schema what of %s was applied", mark)
}

// amounts says how many changes stand, and how many do not.
func (f *Finding) amounts() string {
	var parts []string
	add := func(n int, one, many string) {
		if n > 0 {
			parts = append(parts, count(n, one, many))
		}
	}
	invalid := 0
	for _, d := range f.Differs {
		if d.Invalid {
			invalid++
		}
	}
	add(len(f.Stands), "change stands in the database", "changes stand in the database")
	if len(parts) > 0 {
		add(len(f.Missing), "is missing", "are missing")
	} else {
		add(len(f.Missing), "change is missing", "changes are missing")
	}
	add(invalid, "index is INVALID", "indexes are INVALID")
	add(len(f.Differs)-invalid, "is neither as before nor as after", "are neither as before nor as after")
	text := strings.Join(parts, ", ")
	if n := len(f.Broken); n > 0 {
		text += fmt.Sprintf("; %s cannot be run", count(n, "statement", "statements"))
	}
	return text
}
