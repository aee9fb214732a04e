package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/jackc/pgx/v5"
)

// What Apply does unless told otherwise.
const (
	// DefaultLockTimeout is how long a statement waits for a lock; others wait
	// behind it no longer than that.
	DefaultLockTimeout = 2 * time.Second
	// DefaultRetryFor is how long a file is tried again that could not get a lock.
	DefaultRetryFor = 5 * time.Minute
	// DefaultReconnectFor is how long Apply tries to reach the server again in order
	// to tell what became of a file.
	DefaultReconnectFor = 30 * time.Second
)

const (
	// idleLimit ends our transaction when this process is stopped in the middle of
	// one: its locks would stand as long as it sleeps.
	idleLimit = 5 * time.Minute
	// cleanUp bounds what is done after a failure or an interruption.
	cleanUp = 15 * time.Second
)

// Backup is the proof that the database was saved before Apply changes it.
type Backup struct {
	Path, SHA256 string
	// Waived says why there is none.
	Waived string
}

// Rehearsal is the proof that the plan ran elsewhere first.
type Rehearsal struct {
	// PlanSHA256 is that of the plan that was rehearsed.
	PlanSHA256 string
	// Expected is how long the files and their statements will take here, as far as the
	// rehearsal can tell: what is running is told with it. Default: nothing is expected.
	Expected []Expected
	// Waived says why it was not.
	Waived string
}

// Expected is how long something is expected to take.
type Expected struct {
	// Version is the file's.
	Version uint64
	// Statement is the place, from 0, of the statement in the file; -1 for the whole file.
	Statement int
	Took      time.Duration
}

// Hook is called inside a file's transaction, on its connection.
type Hook func(context.Context, *pgx.Conn, File) error

// ApplyOptions say how a plan is applied.
type ApplyOptions struct {
	// LockTimeout is the server's lock_timeout. Default: DefaultLockTimeout.
	LockTimeout time.Duration
	// StatementTimeout is the server's statement_timeout. Default: none.
	StatementTimeout time.Duration
	// RetryFor is how long a file that met a lock or a deadlock is tried again.
	// Default: DefaultRetryFor; negative: not at all.
	RetryFor time.Duration
	// CancelIdleBlockers ends sessions that stand in our way and have been idle in a
	// transaction for at least that long; each is named in an Event and in
	// Applied.Ended. Never others. Default: no session is ended.
	CancelIdleBlockers time.Duration
	// ReconnectFor is how long to try to reach the server again when the connection
	// was lost. Default: DefaultReconnectFor.
	ReconnectFor time.Duration
	// Application is what others see in pg_stat_activity. Default: "clipperops migrate".
	Application string
	// Ledger records what is done. Default: nothing is recorded, and a file that
	// cannot run in a transaction is not resumed.
	Ledger Ledger
	// LockLost is closed when the lock that keeps other migrators away is lost: no
	// further file is begun then. Default: the lock is somebody else's care.
	LockLost <-chan struct{}
	// Before runs before a file's statements, BeforeCommit after them, with the
	// version row written. Their error undoes the file. Of a file that cannot run in
	// a transaction they run in the one that marks it dirty and in the one that marks
	// it clean.
	Before, BeforeCommit Hook
	// AfterStatement runs after each statement of a file, which is then sent by itself, in
	// the file's transaction and on its connection: took is the statement's own time. Of a
	// file that cannot run in a transaction it runs when the statement is committed. Its
	// error fails the file.
	AfterStatement func(ctx context.Context, conn *pgx.Conn, f File, statement int, took time.Duration) error
	// BeforeStatement runs before each statement that is sent outside a transaction, each
	// time it is tried. The function it returns, nil for none, is called when the statement
	// has ended, however it did.
	BeforeStatement func(ctx context.Context, conn *pgx.Conn, f File, statement int) (ended func(), err error)
	// Whole makes a file fail that the server refuses in a transaction, for the code it
	// calls commits. Default: a file that is nothing but that statement runs outside one,
	// where no hook can stop what it commits.
	Whole bool
	// OnEvent is told what happens, one event at a time. It must not block.
	OnEvent func(Event)
}

func (o *ApplyOptions) complete() {
	if o.LockTimeout <= 0 {
		o.LockTimeout = DefaultLockTimeout
	}
	switch {
	case o.RetryFor == 0:
		o.RetryFor = DefaultRetryFor
	case o.RetryFor < 0:
		o.RetryFor = 0
	}
	if o.ReconnectFor <= 0 {
		o.ReconnectFor = DefaultReconnectFor
	}
	if o.Application == "" {
		o.Application = "clipperops migrate"
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
}

// permitted refuses to apply what was not saved, not rehearsed, or changed since.
func permitted(p *Plan, b Backup, r Rehearsal) error {
	switch {
	case b.Path == "" && b.Waived == "":
		return notPermitted("there is no backup of the database, and no reason given for having none")
	case r.PlanSHA256 == "" && r.Waived == "":
		return notPermitted("the plan was not rehearsed, and no reason is given for that")
	case p.SHA256 != p.Digest():
		return notPermitted("the files are not those the plan was made of")
	case r.PlanSHA256 != "" && r.PlanSHA256 != p.SHA256:
		return notPermitted("another plan was rehearsed than the one to be applied")
	}
	for _, f := range p.Files {
		if f.SHA256 != checksum(f.Body) {
			return notPermitted(fmt.Sprintf("%s is not as it was read", f.FileName))
		}
	}
	return nil
}

func notPermitted(why string) error {
	return &ops.Failure{
		Code:  ops.ExitRefused,
		What:  "not applied: " + why,
		State: []string{"nothing was touched"},
		Next:  []string{"run the same command again from the beginning"},
	}
}
