package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// Direction is which way a file moves the schema.
type Direction string

// The directions, as golang-migrate's file names have them.
const (
	Up   Direction = "up"
	Down Direction = "down"
)

// File is one migration in one direction, read and taken apart.
type File struct {
	Version uint64
	// Name is the part between version and direction, e.g. "add_users".
	Name      string
	FileName  string
	Direction Direction
	// Body is the file as it was read.
	Body string
	// SHA256 is that of Body, in hex.
	SHA256 string
	// Statements are the file's, without an outer BEGIN and COMMIT of its own.
	Statements []sqlscan.Statement
	// Transactional says that the file runs in one transaction, together with its
	// version row.
	Transactional bool
	// NonTransactionalReason says which statement rules that out, "" when none does.
	NonTransactionalReason string
	// Stripped says that an outer BEGIN and COMMIT were taken out.
	Stripped bool

	// The rest is set by the plan.

	// Release says that the file belongs to the release being shipped.
	Release bool
	// After is the database's version once the file has run; -1 is none.
	After int64
	// Done is how many statements an interrupted run completed; Apply goes on
	// behind them. Only a file that is not Transactional has any.
	Done int

	// modes are the transaction modes of the BEGIN that was taken out.
	modes string
}

// ID is the version as golang-migrate's users write it: 000049.
func (f File) ID() string { return fmt.Sprintf("%06d", f.Version) }

// sessionStatement reports whether the i-th statement only sets something for
// those behind it. Such statements run again when a file is resumed.
func (f File) sessionStatement(i int) bool {
	s := f.Statements[i]
	return s.Begins("SET") || s.Begins("RESET")
}

func checksum(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}
