package migrate

import (
	"fmt"
	"strings"
)

// The checks that problems of the files belong to.
const (
	// FilesComplete: every file can be read, is named and paired as golang-migrate
	// wants it, and holds SQL.
	FilesComplete = "files.complete"
	// FilesLate: a file below the current version that was never applied.
	FilesLate = "files.late"
	// FilesTransaction: a file that would end the transaction it runs in, or that
	// mixes what needs one with what cannot have one.
	FilesTransaction = "files.transaction"
)

// Problem is something wrong with the files.
type Problem struct {
	// ID is the check it belongs to.
	ID string
	// File is the file's name, "" when it is about the directory.
	File string
	// Line is where in the file, from 1; zero when it is about the whole of it.
	Line int
	// Text says what is wrong, in one line without the file's name.
	Text string
	// Fix is what to do about it.
	Fix string

	// version and direction tell whether a plan needs the file.
	version   uint64
	direction Direction
}

// OfWayBack reports whether it is a down file that lacks or cannot be used: the plan can
// be applied, and not be undone.
func (p Problem) OfWayBack() bool { return p.ID == FilesComplete && p.direction == Down }

// String is the problem with its place.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, " line %d", p.Line)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(p.Text)
	return b.String()
}
