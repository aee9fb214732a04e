package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// RestoreOptions says what to restore and into which new database.
type RestoreOptions struct {
	// File is the dump, db-….sql.gz; its manifest lies beside it.
	File string
	// Into is the database to make: it must not exist.
	Into config.Target
	// Maintenance is a database of the server to create it from. Default:
	// postgres, or template1 where that cannot be had.
	Maintenance string
	Programs    pg.Programs
	// Application is shown to others, e.g. "clipperops backup restore (alice@ops1)".
	Application string
	// Progress is told how far it has come; it must not block. Default: nobody.
	Progress func(ops.Progress)
}

// Restored is a dump that was restored and compared with its manifest.
type Restored struct {
	Database config.Target
	Manifest Manifest
	// Tables are all tables of the manifest and of the database.
	Tables []Comparison
	// Warnings are psql's.
	Warnings []string
	// Results are the findings: checksum, restore, rows, version.
	Results []ops.Result
	Took    time.Duration
}

// Comparison is one table's rows: Want by the manifest, Got by the restored
// database; -1 where there is no such table.
type Comparison struct {
	Name string
	Want int64
	Got  int64
}

// maxDatabaseName is NAMEDATALEN - 1; the server would cut a longer name silently.
const maxDatabaseName = 63

// Validate completes the options with their defaults and returns a
// *ops.Failure (ExitUsage) when they cannot be worked with.
func (o *RestoreOptions) Validate() error {
	if o.Progress == nil {
		o.Progress = func(ops.Progress) {}
	}
	if o.Application == "" {
		o.Application = "clipperops backup restore"
	}
	switch {
	case o.File == "":
		return unusable("no file to restore", "clipperops backup list shows what there is")
	case o.Into.Database == "":
		return unusable("no database to restore into", "name a new one: --into NEWDB")
	case len(o.Into.Database) > maxDatabaseName:
		return unusable(fmt.Sprintf("the name %s is longer than %d bytes", o.Into.Database, maxDatabaseName), "choose a shorter one")
	case o.Programs.Psql.Path == "":
		return unusable("no psql", "install the PostgreSQL client programs")
	}
	return nil
}

// Restore verifies the dump's checksum, restores it into a database that does
// not exist yet and compares the rows of every table with the manifest. Until
// all of that has succeeded the database has another name, and whatever fails
// drops it; errors are *ops.Failure. Restored says what was found also when the
// comparison failed.
func Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	if err := o.Validate(); err != nil {
		return Restored{}, err
	}
	started := time.Now()
	l := &loading{o: LoadOptions{File: o.File, Programs: o.Programs, Application: o.Application, Progress: o.Progress}}
	r, err := l.open(ctx)
	r.Database = o.Into
	if err != nil {
		return r, o.asFailure(ctx, err)
	}
	s, err := openServer(ctx, o, &r.Manifest)
	if err != nil {
		return r, o.asFailure(ctx, err)
	}
	defer s.close(ctx)
	if err := s.create(ctx, r.Manifest.Locale); err != nil {
		return r, o.asFailure(ctx, err)
	}
	l.o.Into, l.major = s.work, s.server.Major()
	err = l.fill(ctx, &r)
	if err == nil {
		err = s.publish(ctx)
	}
	if err != nil {
		return r, o.asFailure(ctx, errors.Join(err, s.drop(ctx)))
	}
	r.Took = time.Since(started)
	return r, nil
}

func (r *Restored) record(id, title string, since time.Time, result ops.Result) {
	result.ID, result.Title, result.Took = id, title, time.Since(since)
	r.Results = append(r.Results, result)
}
