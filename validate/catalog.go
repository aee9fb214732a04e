package validate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// catalog is what the server's own catalogues say of the release's objects.
type catalog struct {
	server    serverState
	tables    map[string]*relation
	functions map[string][]function
}

// serverState says whether anything can be written.
type serverState struct {
	InRecovery bool
	// ReadOnly says that transactions are read-only unless they ask otherwise, and
	// ReadOnlySource who said so: "client" is our own connection.
	ReadOnly       bool
	ReadOnlySource string
	User           string
}

// relation is a table with all that stands in it.
type relation struct {
	kind        string
	columns     map[string]column
	indexes     map[string]index
	constraints map[string]constraint
	triggers    map[string]trigger
}

type column struct {
	Table, Name, Type string
	NotNull           bool
	Default           string
}

type index struct {
	Table, Name, Method  string
	Unique, Valid, Backs bool // Backs: it belongs to a constraint
	Keys                 []string
	Where                string
}

type constraint struct {
	Table, Name, Kind    string
	Validated            bool
	Columns              []string
	References, OnDelete string
	Definition           string
}

type trigger struct {
	Table, Name string
	Enabled     string // O, R, A or D, as pg_trigger has it
	Type        int16
	Function    string
}

type function struct {
	Name, Arguments, Returns string
}

// catalogue reads the catalogues once; every check that looks at them calls it.
// What a cancelled check could not read is read again by the next.
func (v *validation) catalogue(ctx context.Context) (*catalog, error) {
	if v.loaded != nil || v.loadedErr != nil {
		return v.loaded, v.loadedErr
	}
	c, err := v.readCatalog(ctx)
	if ctx.Err() == nil {
		v.loaded, v.loadedErr = c, err
	}
	return c, err
}

func (v *validation) readCatalog(ctx context.Context) (*catalog, error) {
	c := &catalog{tables: map[string]*relation{}, functions: map[string][]function{}}
	err := v.reading(ctx, func(tx pgx.Tx) error {
		var names []string
		for _, t := range v.Release.TablesAt(v.at()) {
			names = append(names, t.Name)
		}
		return c.read(ctx, tx, v.Release.Schema, names)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the catalogues: %w", err)
	}
	return c, nil
}

func (c *catalog) read(ctx context.Context, tx pgx.Tx, schema string, names []string) error {
	server, err := all[serverState](ctx, tx, serverQuery)
	if err != nil {
		return err
	}
	c.server = server[0]
	if err := c.readTables(ctx, tx, schema, names); err != nil {
		return err
	}
	functions, err := all[function](ctx, tx, functionQuery, schema)
	for _, f := range functions {
		c.functions[f.Name] = append(c.functions[f.Name], f)
	}
	return err
}

func (c *catalog) readTables(ctx context.Context, tx pgx.Tx, schema string, names []string) error {
	type named struct{ Name, Kind string }
	tables, err := all[named](ctx, tx, tableQuery, schema, names)
	if err != nil {
		return err
	}
	for _, t := range tables {
		c.tables[t.Name] = &relation{
			kind: t.Kind, columns: map[string]column{}, indexes: map[string]index{},
			constraints: map[string]constraint{}, triggers: map[string]trigger{},
		}
	}
	columns, err := all[column](ctx, tx, columnQuery, schema, names)
	if err != nil {
		return err
	}
	for _, x := range columns {
		c.tables[x.Table].columns[x.Name] = x
	}
	indexes, err := all[index](ctx, tx, indexQuery, schema, names)
	if err != nil {
		return err
	}
	for _, x := range indexes {
		c.tables[x.Table].indexes[x.Name] = x
	}
	constraints, err := all[constraint](ctx, tx, constraintQuery, schema, names)
	if err != nil {
		return err
	}
	for _, x := range constraints {
		c.tables[x.Table].constraints[x.Name] = x
	}
	triggers, err := all[trigger](ctx, tx, triggerQuery, schema, names)
	for _, x := range triggers {
		c.tables[x.Table].triggers[x.Name] = x
	}
	return err
}

// all runs a query in one round trip and reads every row into a T.
func all[T any](ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}
