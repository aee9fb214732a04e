package migrate

import (
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// EventKind tells what an Event reports.
type EventKind string

// The kinds of events.
const (
	// FileStarted: a file begins, or begins again.
	FileStarted EventKind = "file.started"
	// FileDone: a file is committed.
	FileDone EventKind = "file.done"
	// StatementDone: a statement of a file that cannot run in a transaction is done.
	StatementDone EventKind = "statement.done"
	// Waiting: the file waits for a lock, and who holds it.
	Waiting EventKind = "waiting"
	// Retrying: the file gave way and is tried again in RetryIn.
	Retrying EventKind = "retrying"
	// Running: a long file, and what the server says it is doing.
	Running EventKind = "running"
	// Ended: sessions idle in a transaction that blocked the file were ended; Blockers
	// are they.
	Ended EventKind = "ended"
	// Note: something the operator should know, and nothing more.
	Note EventKind = "note"
)

// Event is something that happens while a plan is applied.
type Event struct {
	Kind EventKind
	File File
	// Index is the file's place in the plan, from 0, Of the number of files.
	Index, Of int
	// Attempt counts from 1.
	Attempt int
	// Statement is the place, from 0, of the statement it is about; -1 when it is
	// about the whole file.
	Statement int
	// Took is how long the file or statement has taken so far.
	Took time.Duration
	// Expected is how long the statement, or the file, was expected to take, Left how
	// much of that there is to go; both are zero where nothing is expected, and Left
	// when it takes longer than that.
	Expected, Left time.Duration
	// Blockers are who holds the lock that is waited for.
	Blockers []pg.Holder
	// RetryIn is how long until the next attempt.
	RetryIn time.Duration
	// Phase, Done and Total are what the server says of an index build; Total is
	// zero when it does not say how much there is.
	Phase       string
	Done, Total int64
	// Unit is what they count; "" for the sessions it waits for.
	Unit ops.Unit
	// Wait is what a running statement waits for, e.g. "IO DataFileRead"; mostly "".
	Wait string
	// Text says it in a sentence without a period.
	Text string
}
