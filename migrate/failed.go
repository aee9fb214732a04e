package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// errLockLost is the lock that keeps other migrators away being gone.
var errLockLost = errors.New("the migration lock was lost: another may be migrating")

// FileError is a file that failed; it stands inside the Failure that Apply returns.
type FileError struct {
	File File
	// Statement is the place, from 0, of the statement that failed; -1 when it was
	// none, or is not known.
	Statement int
	Err       error
}

// Error names the file and the cause.
func (e *FileError) Error() string { return e.File.FileName + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// failure is what is known of an end before the last file.
type failure struct {
	file     File
	err      error
	attempt  attempt
	attempts int
	blockers []pg.Holder
	// state is what the database said, when it was asked already.
	state *verdict
	// unbegun: the file was not begun; committed: it is done all the same; partly:
	// some of its statements are done, and done says so.
	unbegun, committed, partly bool
	done                       []string
}

// failed makes the failure an operator reads: what happened and where, what is true
// now, asked over a new connection, and what to do.
func (e *engine) failed(ctx context.Context, f failure) error {
	cause := pg.Cause(ctx, f.err)
	out := &ops.Failure{Code: e.codeOf(cause, f), Err: &FileError{File: f.file, Statement: f.attempt.place(f.file, f.err), Err: cause}}
	var given *ops.Failure
	if errors.As(f.err, &given) {
		out.Detail, out.Next = given.Detail, given.Next
	}
	if f.state == nil {
		state, err := e.truth(ctx)
		f.state = &verdict{state: state, err: err}
	}
	before := e.applied.State
	if f.state.err == nil {
		e.applied.State = f.state.state
	}
	out.What = f.what(ctx, given)
	if given == nil {
		out.Detail = f.detail(ctx)
	}
	out.State = e.stands(f, before)
	if len(out.Next) == 0 {
		out.Next = e.next(ctx, f)
	}
	return out
}

// codeOf is the exit code. "Refused" promises that nothing was done; what was committed
// before makes it a failure.
func (e *engine) codeOf(cause error, f failure) ops.ExitCode {
	code := ops.CodeOf(cause)
	if code == ops.ExitRefused && (f.partly || len(e.applied.Files) > 0) {
		return ops.ExitFailed
	}
	return code
}

// what happened, and how much of the file it left.
func (f failure) what(ctx context.Context, given *ops.Failure) string {
	name := f.file.FileName
	switch {
	case f.unbegun && ctx.Err() != nil:
		return "interrupted before " + name
	case f.unbegun:
		return fmt.Sprintf("stopped before %s: %v", name, f.err)
	case f.committed:
		return fmt.Sprintf("the connection to the server was lost after %s was committed", name)
	}
	left := "nothing of it was applied"
	switch {
	case f.state.err != nil:
		left = "what became of it could not be found out"
	case f.partly:
		left = "a part of it is done"
	case errors.As(f.err, new(*endedError)):
		left = "a part of it may be committed"
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("interrupted in %s; %s", name, left)
	case given != nil:
		return fmt.Sprintf("%s: %s; %s", name, given.Error(), left)
	case f.attempts > 1:
		return fmt.Sprintf("%s failed after %d attempts; %s", name, f.attempts, left)
	}
	return fmt.Sprintf("%s failed; %s", name, left)
}

// detail is the server's message at its place, and who was in the way.
func (f failure) detail(ctx context.Context) []string {
	if f.committed || f.unbegun || ctx.Err() != nil {
		return nil
	}
	lines := strings.Split(f.err.Error(), "\n")
	if answer := pgError(f.err); answer != nil {
		lines = f.attempt.located(f.file, answer).Lines()
	}
	for _, b := range f.blockers {
		what := b.String()
		if b.What != "" {
			what += "  holds " + b.What
		}
		lines = append(lines, "blocked by "+what)
	}
	return lines
}

// stands says where the database is, and what this run did to it.
func (e *engine) stands(f failure, before State) []string {
	var lines []string
	did := e.didApply()
	now := f.state.state
	switch {
	case f.state.err == nil && !f.committed && !f.partly && (now.Version != before.Version || now.Dirty != before.Dirty):
		lines = append(lines,
			"the database is at "+now.String()+", and was at "+before.String()+" before this file"+did,
			"either the server lost what it had committed, or another program migrates this database")
	case f.state.err != nil:
		lines = append(lines,
			"where the database stands could not be read: "+oneLine(f.state.err),
			"it was at "+before.String()+" before this file"+did)
	default:
		lines = append(lines, "the database is at "+now.String()+did)
	}
	return append(lines, f.done...)
}

func (e *engine) didApply() string {
	switch n := len(e.applied.Files); n {
	case 0:
		return "; no file was completed in this run"
	case 1:
		return fmt.Sprintf("; %s was applied in this run (%s)", e.applied.Files[0].ID(), roughly(e.applied.Files[0].Took))
	default:
		var ids []string
		for _, f := range e.applied.Files {
			ids = append(ids, f.ID())
		}
		return fmt.Sprintf("; %s were applied in this run", strings.Join(ids, ", "))
	}
}

func (e *engine) next(ctx context.Context, f failure) []string {
	again := "run the same command again"
	switch {
	case f.state.err != nil:
		return []string{"when the server is back: clipperops migrate status", "then " + again}
	case ctx.Err() != nil, f.committed, f.unbegun:
		return []string{again + ": it goes on from there"}
	case errors.Is(f.err, errWaitsForUs):
		return append(endBlockers(f.blockers), again+" when they are gone")
	case pgErrorCode(f.err) == "55P03", pgErrorCode(f.err) == "40P01":
		return append(endBlockers(f.blockers), again+" when they are gone")
	case errors.As(f.err, new(*movedError)):
		return []string{"see who migrates this database, then " + again}
	case refusedInTransaction(f.err):
		return []string{e.insteadOfOutside(f), "then " + again}
	case f.lacksOurRights():
		return []string{e.ourRights(), "then " + again}
	case Mend(pgError(f.err)) != "":
		return []string{Mend(pgError(f.err)) + ", then " + again}
	case pgErrorCode(f.err) == "57014":
		return []string{"give it more time with --timeout, then " + again}
	case pgError(f.err) == nil || strings.HasPrefix(pgErrorCode(f.err), "57P"):
		return []string{again}
	}
	return []string{"mend the file and " + again}
}

func endBlockers(blockers []pg.Holder) []string {
	var lines []string
	for _, b := range blockers {
		if b.PID != 0 {
			lines = append(lines, fmt.Sprintf("when nobody needs it: SELECT pg_terminate_backend(%d);", b.PID))
		}
	}
	return lines
}

func oneLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// pgError is the server's own error in err, nil when there is none.
func pgError(err error) *pgconn.PgError {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e
	}
	return nil
}

func pgErrorCode(err error) string {
	if e := pgError(err); e != nil {
		return e.Code
	}
	return ""
}

// insteadOfOutside is what to do about a statement that the server refuses in a transaction.
func (e *engine) insteadOfOutside(f failure) string {
	at := f.attempt.place(f.file, f.err)
	switch {
	case at >= 0 && f.file.Statements[at].Begins("SET"):
		return "take the statement out; where the file needs those modes, let it begin with BEGIN ISOLATION LEVEL … and end with COMMIT"
	case e.o.Whole:
		return "write into the file, in plain SQL, what the code does: what this command takes away it must be able to undo"
	}
	return "put the statement into a file of its own: it then runs outside a transaction"
}

// lacksOurRights reports whether it was one of our own statements that the role may not run.
func (f failure) lacksOurRights() bool {
	answer := pgError(f.err)
	if answer == nil || answer.Code != "42501" {
		return false
	}
	_, _, inFile := f.attempt.origin(f.file, answer)
	return !inFile
}

// ourRights is how the role comes to the rights that every file needs.
func (e *engine) ourRights() string {
	s := e.applied.State
	role := pgx.Identifier{e.target.User}.Sanitize()
	if !s.Table {
		return fmt.Sprintf("GRANT CREATE, USAGE ON SCHEMA %s TO %s;", pgx.Identifier{s.Schema}.Sanitize(), role)
	}
	return fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s;", s.table(), role)
}
