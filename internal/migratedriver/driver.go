// Package migratedriver makes our engine a database.Driver of golang-migrate, so
// that its library, and whatever is built on it, runs files as we do: whole or not
// at all, under the server's timeouts, with both advisory locks.
//
// The loop around it is still golang-migrate's: it writes the version row before
// and after each file, apart from it.
package migratedriver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/jackc/pgx/v5"
)

const (
	// defaultLockWait is golang-migrate's own DefaultLockTimeout.
	defaultLockWait = 15 * time.Second
	// rowTimeout bounds reading and writing the version row.
	rowTimeout = 30 * time.Second
	// bodyName is what a file is called in errors: golang-migrate tells no name.
	bodyName = "the migration"
)

// Options say how files are run.
type Options struct {
	// LockWait is how long Lock waits for another migrator. Default: 15 s.
	LockWait time.Duration
	// Apply is how a file is run; its ledger and hooks are not used.
	Apply migrate.ApplyOptions
}

// Driver is a database.Driver. It is made by New, or by Open on a zero Driver.
type Driver struct {
	target  config.Target
	options Options
	conn    *pgx.Conn
	locked  atomic.Bool
	held    *pg.Held
}

var _ database.Driver = (*Driver)(nil)

// New connects, and makes the version table when it is missing.
func New(ctx context.Context, t config.Target, o Options) (*Driver, error) {
	if o.LockWait == 0 {
		o.LockWait = defaultLockWait
	}
	if o.Apply.Application == "" {
		o.Apply.Application = "clipperops as golang-migrate's driver"
	}
	conn, err := pg.Connect(ctx, t, pg.ConnOptions{
		Application: o.Apply.Application, StatementTimeout: rowTimeout, LockTimeout: rowTimeout,
	})
	if err != nil {
		return nil, err
	}
	d := &Driver{target: t, options: o, conn: conn}
	if err := d.ensureTable(ctx); err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return d, nil
}

func (d *Driver) ensureTable(ctx context.Context) error {
	s, err := migrate.ReadState(ctx, d.conn)
	if err != nil || s.Table {
		return err
	}
	return migrate.SetVersion(ctx, d.conn, int64(database.NilVersion), false)
}

// Open connects to the URL; parameters that are golang-migrate's own (x-…) are
// refused, as every parameter that is not known.
func (d *Driver) Open(url string) (database.Driver, error) {
	t, err := config.ParseTarget(url)
	if err != nil {
		return nil, err
	}
	return New(context.Background(), t, Options{})
}

// Close ends the connections, and with them a lock that is held.
func (d *Driver) Close() error {
	var err error
	if d.locked.Load() {
		err = d.Unlock()
	}
	return errors.Join(err, d.conn.Close(context.Background()))
}

// Lock takes golang-migrate's two locks and ours.
func (d *Driver) Lock() error {
	return database.CasRestoreOnErr(&d.locked, false, true, database.ErrLocked, func() error {
		held, err := pg.Lock(context.Background(), d.target, pg.LockRequest{
			Application: d.options.Apply.Application, Wait: d.options.LockWait,
		})
		d.held = held
		return err
	})
}

// Unlock lets the locks go.
func (d *Driver) Unlock() error {
	return database.CasRestoreOnErr(&d.locked, true, false, database.ErrNotLocked, func() error {
		return d.held.Release(context.Background())
	})
}

// Run runs a file. One that cannot be read to its end is not run.
func (d *Driver) Run(migration io.Reader) error {
	body, err := io.ReadAll(migration)
	if err != nil {
		return fmt.Errorf("reading the migration: %w", err)
	}
	if err := migrate.RunBody(context.Background(), d.target, bodyName, string(body), d.options.Apply); err != nil {
		return database.Error{OrigErr: err, Err: "migration failed", Query: body}
	}
	return nil
}

// SetVersion writes the version row.
func (d *Driver) SetVersion(version int, dirty bool) error {
	return migrate.SetVersion(context.Background(), d.conn, int64(version), dirty)
}

// Version reads the version row.
func (d *Driver) Version() (version int, dirty bool, err error) {
	s, err := migrate.ReadState(context.Background(), d.conn)
	if err != nil {
		return 0, false, err
	}
	return int(s.Version), s.Dirty, nil
}

// Drop drops every table of the current schema, as golang-migrate's own drivers do.
func (d *Driver) Drop() error {
	ctx := context.Background()
	rows, err := d.conn.Query(ctx, "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'")
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var schema, name string
		err := row.Scan(&schema, &name)
		return pgx.Identifier{schema, name}.Sanitize(), err
	})
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := d.conn.Exec(ctx, "DROP TABLE IF EXISTS "+table+" CASCADE"); err != nil {
			return err
		}
	}
	return nil
}
