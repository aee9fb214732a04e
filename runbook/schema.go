package runbook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// SchemaOptions say what is made of schemas that are read.
type SchemaOptions struct {
	// Except are kinds of objects that are left out, e.g. pg.KindOwner where the
	// roles of two servers have other names.
	Except []pg.Kind
	// Target reads the URL of a database that is not the settings' own.
	Target func(url string) (config.Target, error)
	// Note is told what takes long. May be nil.
	Note func(string)
}

// Schema is a schema and where it was read.
type Schema struct {
	// Source is what it was read from, as it can be shown: a database without its
	// password, a file, a directory of migrations.
	Source string `json:"source"`
	// Kind is "database", "file" or "migrations".
	Kind string `json:"kind"`
	// Version is the one the database is at, or the migrations were built up to;
	// nil when there is none, or when it is not known, as of a file.
	Version *int64 `json:"version,omitempty"`
	// Dirty is golang-migrate's mark of a migration that was begun and not finished.
	Dirty bool `json:"dirty,omitempty"`
	// Built says where a schema of migrations was built.
	Built string `json:"built,omitempty"`
	// ServerVersionNum is that of the server that described it, e.g. 150018.
	ServerVersionNum int `json:"server_version_num"`
	// Objects is how many there are.
	Objects int `json:"objects"`

	Snapshot *pg.Snapshot `json:"-"`
}

// SchemaDiff is how two schemas differ.
type SchemaDiff struct {
	A, B *Schema
	// Changes are what has to be said of B to someone who knows A.
	Changes []pg.Change
	// Notes are what may make equal schemas differ.
	Notes []string
}

// ReadSchema reads the schema a source names: "db" is the database of the settings,
// the others a postgres:// URL, a file that WriteSnapshot wrote, and a directory of
// migrations with or without @VERSION. Nothing is changed; migrations are built on a
// scratch database, which is dropped.
//
// The error is a *ops.Failure: ExitUsage when there is no such source.
func ReadSchema(ctx context.Context, s *Session, source string, o SchemaOptions) (*Schema, error) {
	from, err := parseSchemaSource(source, o)
	if err != nil {
		return nil, err
	}
	shop := &schemaShop{Session: s, note: o.Note}
	defer shop.close(ctx)
	return shop.read(ctx, from, o)
}

// DiffSchemas reads two schemas, each as ReadSchema does, and compares them.
func DiffSchemas(ctx context.Context, s *Session, a, b string, o SchemaOptions) (*SchemaDiff, error) {
	fromA, err := parseSchemaSource(a, o)
	if err != nil {
		return nil, err
	}
	fromB, err := parseSchemaSource(b, o)
	if err != nil {
		return nil, err
	}
	shop := &schemaShop{Session: s, note: o.Note}
	defer shop.close(ctx)
	d := &SchemaDiff{}
	if d.A, err = shop.read(ctx, fromA, o); err != nil {
		return nil, err
	}
	if d.B, err = shop.read(ctx, fromB, o); err != nil {
		return nil, err
	}
	d.Changes = slices.DeleteFunc(pg.Diff(d.A.Snapshot, d.B.Snapshot), func(c pg.Change) bool { return slices.Contains(o.Except, c.Kind) })
	if was, is := d.A.ServerVersionNum/10000, d.B.ServerVersionNum/10000; was != is && len(d.Changes) > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("PostgreSQL %d and %d write some definitions differently: a view that differs may be the same", was, is))
	}
	return d, nil
}

// read reads one schema.
func (shop *schemaShop) read(ctx context.Context, from schemaSource, o SchemaOptions) (schema *Schema, err error) {
	switch {
	case from.plan != nil:
		schema, err = shop.build(ctx, from.plan)
	case from.file != "":
		schema, err = readSchemaFile(from.file)
	case from.target != nil:
		if schema, err = shop.readDatabase(ctx, *from.target); err != nil {
			err = ofURL(from.url, err)
		}
	default:
		if err := shop.Config.TargetErr; err != nil {
			return nil, err
		}
		schema, err = shop.readDatabase(ctx, shop.Config.Target)
	}
	if err != nil {
		return nil, nothingChanged(err)
	}
	schema.Snapshot = schema.Snapshot.Without(o.Except...)
	schema.ServerVersionNum, schema.Objects = schema.Snapshot.ServerVersionNum, len(schema.Snapshot.Objects)
	return schema, nil
}

// readDatabase takes a snapshot of a database, and asks at which version it is.
func (shop *schemaShop) readDatabase(ctx context.Context, target config.Target) (*Schema, error) {
	conn, err := pg.Connect(ctx, target, pg.ConnOptions{
		Application: shop.application("schema"), ReadOnly: true, StatementTimeout: schemaStatementTimeout, LockTimeout: schemaLockTimeout,
	})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
	schema := &Schema{Kind: "database", Source: target.String()}
	if schema.Snapshot, err = pg.TakeSnapshot(ctx, conn, pg.SnapshotOptions{}); err != nil {
		return nil, pg.Cause(ctx, err)
	}
	state, err := migrate.ReadState(ctx, conn)
	if err != nil {
		return schema, nil //nolint:nilerr // the version is said for convenience; another tool may have made the schema
	}
	if schema.Dirty = state.Dirty; state.Version >= 0 {
		schema.Version = &state.Version
	}
	return schema, nil
}

// readSchemaFile reads a snapshot from a file, or from a pipe that looks like one.
func readSchemaFile(path string) (*Schema, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, unreadableSnapshot(path, err)
	}
	defer file.Close() //nolint:errcheck // it was only read from
	snapshot, err := pg.ReadSnapshot(file)
	if err != nil {
		return nil, unreadableSnapshot(path, err)
	}
	return &Schema{Kind: "file", Source: path, Snapshot: snapshot}, nil
}

func unreadableSnapshot(path string, err error) error {
	why := err
	var inPath *os.PathError
	if errors.As(err, &inPath) {
		why = inPath.Err
	}
	f := &ops.Failure{
		Code: ops.ExitUsage, What: path + " is no snapshot of a schema: " + why.Error(), Err: err,
		State: []string{"nothing was touched"},
		Next:  []string{"clipperops schema snapshot --out FILE   writes one"},
	}
	if inPath != nil {
		f.What = path + " cannot be read: " + why.Error()
		f.Next = nil
	}
	return f
}

// WriteSchema writes a schema as ReadSchema reads it from a file.
func WriteSchema(w io.Writer, schema *Schema) error { return pg.WriteSnapshot(w, schema.Snapshot) }
