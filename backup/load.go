package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/klauspost/pgzip"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// LoadOptions says what to restore and into which empty database.
type LoadOptions struct {
	// File is the dump, db-….sql.gz; its manifest lies beside it.
	File string
	// Into is the database to fill: it is there, and empty.
	Into     config.Target
	Programs pg.Programs
	// Application is shown to others, e.g. "clipperops rehearse (alice@ops1)".
	Application string
	// Progress is told how far it has come; it must not block. Default: nobody.
	Progress func(ops.Progress)
}

// Validate completes the options with their defaults and returns a
// *ops.Failure (ExitUsage) when they cannot be worked with.
func (o *LoadOptions) Validate() error {
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
	case o.Programs.Psql.Path == "":
		return unusable("no psql", "install the PostgreSQL client programs")
	}
	return nil
}

// Load verifies the dump's checksum, restores it in one transaction into an empty
// database that is there, and compares the rows of every table with the manifest.
// Whoever made the database drops it when Load fails. Errors are *ops.Failure;
// Restored says what was found also when the comparison failed.
func Load(ctx context.Context, o LoadOptions) (Restored, error) {
	if err := o.Validate(); err != nil {
		return Restored{}, err
	}
	started := time.Now()
	l := &loading{o: o}
	r, err := l.open(ctx)
	if err == nil {
		err = l.check(ctx, &r.Manifest)
	}
	if err == nil {
		err = l.fill(ctx, &r)
	}
	if err != nil {
		return r, o.asFailure(ctx, err)
	}
	r.Took = time.Since(started)
	return r, nil
}

// loading is a dump on its way into an empty database.
type loading struct {
	o LoadOptions
	// major is the server's.
	major int
}

// open reads the manifest and verifies that the file is the one it speaks of.
func (l *loading) open(ctx context.Context) (Restored, error) {
	r := Restored{Database: l.o.Into}
	if !exists(l.o.File) {
		return r, unusable("there is no file "+l.o.File, "clipperops backup list shows what there is")
	}
	m, err := ReadManifest(l.o.File)
	if err != nil {
		return r, noManifest(l.o.File, err)
	}
	r.Manifest = *m
	checked := time.Now()
	if err := verifyFile(ctx, l.o, m); err != nil {
		return r, err
	}
	genuine := ops.Pass("sha256 " + m.SHA256)
	if warning, fix := Exposure(filepath.Dir(l.o.File)); warning != "" {
		genuine = ops.Warn("sha256 "+m.SHA256+", as the manifest says; but "+warning, fix)
	}
	r.record("backup.sha256", "the file is the one that was written", checked, genuine)
	return r, nil
}

// check refuses a server that is too old, and a database that holds something.
func (l *loading) check(ctx context.Context, m *Manifest) error {
	conn, err := pg.Connect(ctx, l.o.Into, pg.ConnOptions{Application: l.o.Application, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		_ = conn.Close(limited) // it only read
	}()
	server, err := pg.Describe(ctx, conn)
	if err != nil {
		return err
	}
	l.major = server.Major()
	if err := tooOld(server, m); err != nil {
		return err
	}
	empty, err := pg.IsEmpty(ctx, conn)
	if err != nil || empty {
		return err
	}
	return &ops.Failure{
		Code: ops.ExitRefused, What: "the database " + l.o.Into.Database + " is not empty",
		State: []string{"nothing was touched"}, Next: []string{"restore into a new one: clipperops backup restore " + shellescape.Quote(l.o.File) + " --into NEWDB"},
	}
}

// tooOld refuses a server older than the one the dump is of.
func tooOld(server pg.Server, m *Manifest) error {
	if server.Major() >= m.ServerVersionNum/10000 {
		return nil
	}
	return &ops.Failure{
		Code:  ops.ExitRefused,
		What:  fmt.Sprintf("the dump is of PostgreSQL %s, this server is %s", m.ServerVersion, server.Version),
		State: []string{"nothing was touched"},
		Next:  []string{fmt.Sprintf("restore into a server of version %d or newer", m.ServerVersionNum/10000)},
	}
}

// fill loads the dump and compares.
func (l *loading) fill(ctx context.Context, r *Restored) error {
	at := time.Now()
	warnings, err := l.load(ctx, &r.Manifest)
	if err != nil {
		return err
	}
	r.Warnings = warnings
	loaded := ops.Pass(fmt.Sprintf("%d bytes of SQL in one transaction", r.Manifest.RawBytes))
	if len(warnings) > 0 {
		loaded = ops.Warn(fmt.Sprintf("psql warned %d times", len(warnings)), "read the warnings; the rows are compared all the same", ops.Fact{Name: "psql", Value: warnings[0]})
	}
	r.record("backup.restore", "psql takes the dump without an error", at, loaded)
	return l.compare(ctx, r)
}

// load feeds the dump to psql, all in one transaction, and returns its warnings.
func (l *loading) load(ctx context.Context, m *Manifest) ([]string, error) {
	f, err := os.Open(l.o.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	sql, err := pgzip.NewReader(bufio.NewReaderSize(l.o.watched(ctx, f, "restore", m.Bytes), 1<<20))
	if err != nil {
		return nil, &pg.DamagedDump{What: fmt.Sprintf("%s is not a gzip file: %v", l.o.File, err)}
	}
	defer func() { _ = sql.Close() }() // ends its read-ahead; errors came with Read
	return pg.FeedDump(ctx, l.o.Programs.Psql, pg.DumpScript{
		SQL: sql, Name: l.o.File, Into: l.o.Into, Major: l.major, Application: l.o.Application,
	})
}

// asFailure makes any error of loading one that an operator can act on.
func (o LoadOptions) asFailure(ctx context.Context, err error) error {
	var made *ops.Failure
	if errors.As(err, &made) && ctx.Err() == nil {
		return err
	}
	return restoreFailure(ctx, err, o, []string{"what " + o.Into.Database + " holds is not to be used", "the backup file is as it was"})
}
