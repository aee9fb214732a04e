package release

import "fmt"

// The severities of a Probe.
const (
	SeverityFail = "fail"
	SeverityWarn = "warn"
)

// Probe is a question to the data: a query, and what its answer must be.
type Probe struct {
	// ID is the last part of the check's id.
	ID string `yaml:"id"`
	// Title says what holds when all is well.
	Title string `yaml:"title"`
	// Severity is SeverityFail unless the file says SeverityWarn.
	Severity string `yaml:"severity"`
	// Since is the version from which the question makes sense; the release's
	// first unless stated. It means nothing in a prerequisite.
	Since uint64 `yaml:"since"`
	// SQL only reads, and is run where nothing can be written.
	SQL    string      `yaml:"sql"`
	Expect Expectation `yaml:"expect"`
	// Fix is what to do when the answer is another.
	Fix string `yaml:"fix"`
}

// Fatal reports whether a finding stops the operation.
func (p Probe) Fatal() bool { return p.Severity != SeverityWarn }

// Expectation is what the answer to a Probe must be. Exactly one of the fields
// is set.
type Expectation struct {
	// NoRows: every row returned is a finding, and its columns are the evidence.
	NoRows bool `yaml:"no_rows"`
	// AtLeast and AtMost bound the single number that is returned.
	AtLeast *int64 `yaml:"at_least"`
	AtMost  *int64 `yaml:"at_most"`
}

// Misses says how the number returned is out of its bounds, "" when it is not:
// "0 found, at least 1 needed".
func (e Expectation) Misses(number int64) string {
	switch {
	case e.AtLeast != nil && number < *e.AtLeast:
		return fmt.Sprintf("%d found, at least %d needed", number, *e.AtLeast)
	case e.AtMost != nil && number > *e.AtMost:
		return fmt.Sprintf("%d found, at most %d allowed", number, *e.AtMost)
	}
	return ""
}

// The plan nodes that a Plan can be asked to do without.
const (
	NodeSeqScan    = "seqscan"
	NodeBitmapScan = "bitmapscan"
	NodeSort       = "sort"
)

// Plan is a query that a certain index must serve.
type Plan struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	Since uint64 `yaml:"since"`
	SQL   string `yaml:"sql"`
	Index string `yaml:"index"`
	// Without lists what the planner is told to avoid, because on a small table it
	// rightly prefers reading everything: seqscan unless stated.
	Without []string `yaml:"without"`
}

// Writes prove that the tables take rows. Everything happens inside a
// transaction that is rolled back.
type Writes struct {
	// Person is whom the rows are written as: @person in every statement.
	Person Person      `yaml:"person"`
	Tests  []WriteTest `yaml:"tests"`
}

// Person finds somebody to write as.
type Person struct {
	// Find returns the id of somebody who exists, or no row.
	Find string `yaml:"find"`
	// Make inserts somebody and returns the id; run where Find found nobody.
	Make string `yaml:"make"`
}

// WriteTest writes to one table.
type WriteTest struct {
	Table string `yaml:"table"`
	// Since and Before bound the versions it is for: from Since, which is that of
	// the table unless stated, to below Before, which is open unless stated.
	Since  uint64 `yaml:"since"`
	Before uint64 `yaml:"before"`
	// After names the table whose test runs first in the same transaction, so that
	// this one can point at its rows.
	After      string      `yaml:"after"`
	Statements []Statement `yaml:"statements"`
}

// AppliesAt reports whether the test is for a database at that version.
func (w WriteTest) AppliesAt(version int64) bool {
	return version >= 0 && uint64(version) >= w.Since && (w.Before == 0 || uint64(version) < w.Before)
}

// Statement is one statement of a WriteTest. @name stands for a value.
type Statement struct {
	SQL string `yaml:"sql"`
	// Returns names the first column of the row returned, for later statements.
	Returns string `yaml:"returns"`
	// Expect is what the first column of the row returned must be, as text.
	Expect string `yaml:"expect"`
	// Fails is the SQLSTATE, or the name of the constraint, it must fail with.
	Fails string `yaml:"fails"`
}
