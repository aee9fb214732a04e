package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"al.essio.dev/pkg/shellescape"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// createError is a database that could not be created.
type createError struct {
	cause  error
	locale pg.Locale
}

func (e *createError) Error() string { return "creating the database: " + e.cause.Error() }
func (e *createError) Unwrap() error { return e.cause }

// leftError is an unfinished database that could not be dropped.
type leftError struct {
	database string
	cause    error
}

func (e *leftError) Error() string {
	return "an unfinished database is left: " + e.cause.Error()
}
func (e *leftError) Unwrap() error { return e.cause }

// asFailure makes any error of a restore one that an operator can act on.
func (o RestoreOptions) asFailure(ctx context.Context, err error) error {
	f := o.failureOf(ctx, err)
	var left *leftError
	if errors.As(err, &left) {
		f.State = []string{"an unfinished database is left: " + left.database}
		f.Next = append(f.Next, "DROP DATABASE "+pgx.Identifier{left.database}.Sanitize()+";   or the next restore into "+o.Into.Database+" drops it")
	}
	return f
}

func (o RestoreOptions) failureOf(ctx context.Context, err error) *ops.Failure {
	var made *ops.Failure
	if errors.As(err, &made) && ctx.Err() == nil {
		return made
	}
	return restoreFailure(ctx, err, LoadOptions{File: o.File, Into: o.Into},
		[]string{"there is no database " + o.Into.Database + "; what was begun was dropped", "the backup file is as it was"})
}

// restoreFailure is the failure behind an error of restoring; state is what is
// true afterwards.
func restoreFailure(ctx context.Context, err error, o LoadOptions, state []string) *ops.Failure {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &ops.Failure{Code: ops.ExitInterrupted, What: "interrupted while restoring", State: state, Next: []string{"run the same command again"}, Err: errors.Join(context.Canceled, err)}
	case ctx.Err() != nil:
		return &ops.Failure{What: "the time ran out while restoring", State: state, Next: []string{"run it again with a longer --timeout"}, Err: errors.Join(ctx.Err(), err)}
	}
	f := &ops.Failure{What: "the restore failed: " + err.Error(), State: state, Next: []string{"run the same command again"}, Err: err}
	o.explain(f, err)
	return f
}

// explain puts into words what is known of the causes that matter.
func (o LoadOptions) explain(f *ops.Failure, err error) {
	var damaged *pg.DamagedDump
	var create *createError
	var command *pg.CommandError
	var psql *pg.PsqlError
	var different *differentError
	switch {
	case errors.As(err, &damaged):
		f.What = "the backup is damaged: " + damaged.What
		f.Next = []string{"clipperops backup list shows the others"}
	case errors.As(err, &create):
		f.What, f.Next = create.Error(), create.next(o.Into.User)
	case errors.As(err, &command):
		f.Code, f.What = ops.ExitRefused, "the backup may run commands on this machine: "+command.Error()
		f.Next = []string{
			"find out who wrote " + o.File + ", and use another: clipperops backup list shows them",
			"where it is yours: with a psql of August 2025 or newer (13.22, 14.19, 15.14, 16.10, 17.6) it is read without that risk",
		}
	case errors.As(err, &psql) && psql.StoppedCommand():
		f.Code, f.What = ops.ExitRefused, "the backup holds a command of psql, which no dump does; it was not run"
		f.Detail = psql.Messages
		f.Next = []string{"find out who wrote " + o.File + ", and use another: clipperops backup list shows them"}
	case pg.DiskFull(err):
		f.What, f.Detail = "the disk of the server is full: no room for the restored database", []string{err.Error()}
		f.Next = []string{"free some space there, then run the same command again"}
	case errors.As(err, &psql):
		f.What, f.Detail = psql.Error(), psql.Messages
		if role := psql.MissingRole(); role != "" {
			f.Next = []string{"roles are not in a database's dump; first: CREATE ROLE " + pgx.Identifier{role}.Sanitize() + ";"}
		}
	case errors.As(err, &different):
		f.What, f.Detail = different.Error(), different.differences
		f.Next = []string{"take a new backup; do not rely on this one"}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		f.Code, f.What = ops.ExitUsage, "the backup cannot be read: "+err.Error()
		f.Next = []string{"clipperops backup list shows what there is"}
	}
}

func (e *createError) next(user string) []string {
	var answer *pgconn.PgError
	if !errors.As(e.cause, &answer) {
		return []string{"run the same command again"}
	}
	switch answer.Code {
	case "42501":
		return []string{fmt.Sprintf("ALTER ROLE %s CREATEDB;   or restore as a role that may create databases", pgx.Identifier{user}.Sanitize())}
	case "22023", "42704", "42809":
		return []string{fmt.Sprintf("install the locale %s (%s) on the server: locale -a shows those it has", e.locale.Collate, e.locale.Encoding)}
	}
	return []string{"run the same command again"}
}

// noManifest refuses a dump that nothing can be compared with.
func noManifest(file string, err error) error {
	f := &ops.Failure{
		Code: ops.ExitRefused, What: "no manifest for " + file + ": it cannot be verified",
		Detail: []string{err.Error()}, State: []string{"nothing was touched"},
		Next: []string{"to restore it all the same: " + byHand(file)}, Err: err,
	}
	if exists(ManifestPath(file)) {
		f.What = "the manifest of " + file + " cannot be read"
	}
	return f
}

// byHand is how a dump is restored without us, in any shell that is not the
// barest. psql commits what it has when its input ends, so a file that does not
// unpack to its end must not get as far as psql.
func byHand(file string) string {
	quoted := shellescape.Quote(file)
	return "set -o pipefail; gunzip -t " + quoted + " && gunzip -c " + quoted + " | psql -X -v ON_ERROR_STOP=1 --single-transaction -d NEWDB -f -"
}
