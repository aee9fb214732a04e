package sqlscan

import "fmt"

// Error says what of a text is not SQL, and where.
type Error struct {
	// Line counts from 1.
	Line int
	// Offset is in bytes, from 0.
	Offset int
	// Text says what is wrong, e.g. "quotation is never closed".
	Text string
}

// Error returns the text with its line.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }
