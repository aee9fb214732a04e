package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"al.essio.dev/pkg/shellescape"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// nothingSaved is the state after any backup that failed.
var nothingSaved = []string{"no backup was taken, and no unfinished file is left", "the database was only read"}

// dumpError is a pg_dump that did not end well.
type dumpError struct {
	exit     error
	messages []string
	blockers []pg.Holder
}

func (e *dumpError) Error() string {
	if e.exit == nil {
		return "pg_dump reports errors"
	}
	return "pg_dump failed: " + e.exit.Error()
}

func (e *dumpError) Unwrap() error { return e.exit }

// asFailure makes any error of a backup one that an operator can act on.
func (o Options) asFailure(ctx context.Context, err error) error {
	var made *ops.Failure
	var dump *dumpError
	var write *writeError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &ops.Failure{
			Code: ops.ExitInterrupted, What: "interrupted while backing up", State: nothingSaved,
			Next: []string{"run the same command again"}, Err: context.Canceled,
		}
	case ctx.Err() != nil:
		return &ops.Failure{
			What: "the time ran out while backing up", State: nothingSaved,
			Next: []string{"run it again with a longer --timeout"}, Err: ctx.Err(),
		}
	case errors.As(err, &made):
		return err
	case errors.As(err, &write):
		return o.fileFailure(write.err)
	case errors.As(err, &dump):
		return dump.failure(o.Target.User)
	case isLockTimeout(err):
		return &ops.Failure{
			What:   "another session waits to change a table, and the rows could not be counted",
			Detail: []string{err.Error()}, State: nothingSaved,
			Next: []string{"run the same command again when no migration or ALTER TABLE is going on"}, Err: err,
		}
	}
	return &ops.Failure{What: "the backup failed: " + err.Error(), State: nothingSaved, Next: whatHelps(err.Error(), o.Target.User), Err: err}
}

// whatHelps against what pg_dump and the server often complain of.
func whatHelps(complaint, user string) []string {
	user = pgx.Identifier{user}.Sanitize()
	switch {
	case strings.Contains(complaint, "row-level security"):
		return []string{"ALTER ROLE " + user + " BYPASSRLS;   or back up as the owner of the tables"}
	case strings.Contains(complaint, "permission denied"):
		return []string{"GRANT pg_read_all_data TO " + user + ";   (PostgreSQL 14 or newer), or back up as the owner"}
	}
	return []string{"run the same command again"}
}

func isLockTimeout(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == "55P03"
}

// failure says what pg_dump complained of, and who kept it waiting.
func (e *dumpError) failure(user string) *ops.Failure {
	complaint := strings.Join(e.messages, "\n")
	f := &ops.Failure{What: e.Error(), Detail: e.messages, State: nothingSaved, Next: whatHelps(complaint, user), Err: e}
	// --lock-wait-timeout is a statement_timeout around LOCK TABLE.
	if !strings.Contains(complaint, "LOCK TABLE") || len(e.blockers) == 0 && !strings.Contains(complaint, "timeout") {
		return f
	}
	f.What = "a table is locked, and pg_dump gave up waiting for it"
	f.Next = []string{"end the session that holds the lock, then run the same command again"}
	for _, b := range e.blockers {
		f.Detail = append(f.Detail, "held by "+b.String())
		if b.PID != 0 {
			f.Next = append(f.Next, fmt.Sprintf("SELECT pg_terminate_backend(%d);   ends it", b.PID))
		}
	}
	return f
}

// fileFailure is a backup directory or file that cannot be written.
func (o Options) fileFailure(err error) *ops.Failure {
	f := &ops.Failure{What: "the backup cannot be written: " + err.Error(), State: nothingSaved, Err: err}
	switch {
	case isDiskFull(err):
		f.What = "the disk is full: no room for the backup in " + o.Dir
		f.Detail = []string{err.Error()}
		f.Next = []string{"free some space there (df -h " + shellescape.Quote(o.Dir) + "), or set --backup-dir or BACKUP_DIR to a larger disk"}
	case errors.Is(err, fs.ErrPermission):
		f.Next = []string{"make " + o.Dir + " writable for you, or set --backup-dir or BACKUP_DIR"}
	case errors.Is(err, fs.ErrExist):
		f.Next = []string{"wait a few seconds, then run the same command again"}
	default:
		f.Next = []string{"set --backup-dir or BACKUP_DIR to a directory that works"}
	}
	return f
}

// isDiskFull covers a full file system, a quota and a limit on file sizes.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
