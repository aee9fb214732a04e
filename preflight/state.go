package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// stateEntries are where the database stands, and one check for each older
// feature's table the release names.
func stateEntries(rel *release.Release) []entry {
	entries := []entry{
		{
			id: "state.version", group: groupState, fatal: true,
			title: "one version, clean, known to the files", run: checkState,
		},
		{
			id: "state.partial", group: groupState, fatal: true,
			title: "the release's objects stand exactly where its versions are applied", run: checkPartial,
		},
	}
	for _, l := range rel.Prerequisites.Legacy {
		entries = append(entries, entry{
			id: "state." + l.ID, group: groupState, title: l.Title,
			run: func(ctx context.Context, i *inspection) ops.Result { return i.legacy(ctx, l) },
		})
	}
	return entries
}

func checkState(ctx context.Context, i *inspection) ops.Result {
	switch {
	case notLocked(i.StateErr): // what is asked next names who has it
		return unanswered(i.StateErr)
	case i.StateErr != nil:
		var f *ops.Failure
		if errors.As(i.StateErr, &f) {
			return fromFailure(i.StateErr)
		}
		return unanswered(i.StateErr)
	case i.State.Rows > 1:
		return severalRows(ctx, i)
	case i.State.Dirty && i.State.Resumable != "":
		return resumable(i)
	case i.State.Dirty:
		return dirty(ctx, i)
	case i.State.Version < 0:
		return versionless(ctx, i)
	case len(i.Versions) > 0 && !slices.Contains(i.Versions, uint64(i.State.Version)):
		return unknownVersion(i)
	}
	return ops.Pass(fmt.Sprintf("%s, clean; %s", versionName(i.State.Version), i.standing()))
}

// resumable is a mark of our own: migrating goes on, unless there is no plan to do so, as
// when it is a down file that was interrupted.
func resumable(i *inspection) ops.Result {
	far := ops.Fact{Name: i.State.Resumable}
	if i.PlanErr != nil {
		r := fromFailure(i.PlanErr)
		r.Evidence = append([]ops.Fact{far}, r.Evidence...)
		return r
	}
	return ops.Warn(fmt.Sprintf("%s, dirty by clipperops: a file that cannot run in a transaction was interrupted", versionName(i.State.Version)),
		"clipperops migrate   goes on where it stopped", far)
}

// standing says where the release stands: before, inside, past.
func (i *inspection) standing() string {
	if !i.named() {
		return "no release was given"
	}
	version, total := i.State.Version, len(i.Release.Migrations)
	pending := len(i.Release.Pending(version))
	switch {
	case pending == 0 && version > int64(i.Release.Target):
		return fmt.Sprintf("the %s release is applied, and %d is past it", i.Release.Name, version)
	case pending == 0:
		return fmt.Sprintf("the %s release is applied", i.Release.Name)
	case pending == total && version < int64(i.Release.Floor):
		return fmt.Sprintf("below the %s release's floor %d", i.Release.Name, i.Release.Floor)
	case pending == total:
		return fmt.Sprintf("before the %s release, %s to come", i.Release.Name, count(pending, "migration", "migrations"))
	}
	return fmt.Sprintf("inside the %s release, %d of its %d migrations to come", i.Release.Name, pending, total)
}

func (i *inspection) versionTable() string { return quote(i.State.Schema, "schema_migrations") }

func severalRows(ctx context.Context, i *inspection) ops.Result {
	rows, err := i.Conn.Query(ctx, `SELECT version, dirty FROM `+i.versionTable()+` ORDER BY version`)
	if err != nil {
		return unanswered(err)
	}
	facts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ops.Fact, error) {
		var version int64
		var dirty bool
		err := row.Scan(&version, &dirty)
		return ops.Fact{Name: versionName(version), Value: map[bool]string{true: "dirty", false: "clean"}[dirty]}, err
	})
	if err != nil {
		return unanswered(err)
	}
	return ops.Fail(fmt.Sprintf("schema_migrations has %d rows, and golang-migrate keeps one", i.State.Rows),
		"find out which version the schema has, then: DELETE FROM "+i.versionTable()+" WHERE version <> …;", limited(facts)...)
}

// versionless is a new database, unless the tables of an old one are there.
func versionless(ctx context.Context, i *inspection) ops.Result {
	var names []string
	for _, t := range i.Release.Prerequisites.Tables {
		names = append(names, t.Name)
	}
	var there, elsewhere []string
	err := i.Conn.QueryRow(ctx, `
		SELECT coalesce((SELECT array_agg(c.relname::text ORDER BY 1) FROM pg_catalog.pg_class c
		                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		                  WHERE n.nspname = $1 AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p')), '{}'),
		       coalesce((SELECT array_agg(n.nspname::text ORDER BY 1) FROM pg_catalog.pg_class c
		                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		                  WHERE c.relname = 'schema_migrations' AND n.nspname <> $3), '{}')`,
		i.schema(), names, i.State.Schema).Scan(&there, &elsewhere)
	if err != nil {
		return unanswered(err)
	}
	what := "schema_migrations does not exist"
	if i.State.Table {
		what = "schema_migrations is empty"
	}
	if len(there) == 0 {
		return ops.Pass(what + ": a new database, every migration is to come")
	}
	facts := []ops.Fact{{Name: "in schema " + i.State.Schema, Value: what}}
	for _, name := range there {
		facts = append(facts, ops.Fact{Name: "table " + name, Value: "exists"})
	}
	fix := fmt.Sprintf("find out which version the schema has; when it is %d: "+
		"CREATE TABLE IF NOT EXISTS %s (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO %s VALUES (%d, false);",
		i.Release.Floor, i.versionTable(), i.versionTable(), i.Release.Floor)
	if len(elsewhere) > 0 {
		facts = append(facts, ops.Fact{Name: "schema_migrations", Value: "exists in schema " + elsewhere[0]})
		fix = "let search_path begin with " + elsewhere[0] + ", as it does for whoever migrated before; else " + fix
	}
	return ops.Fail("no version, but the tables of an older database are there", fix, limited(facts)...)
}

// unknownVersion is a database migrated from other files.
func unknownVersion(i *inspection) ops.Result {
	highest := slices.Max(i.Versions)
	facts := []ops.Fact{
		{Name: "read from", Value: i.source()},
		{Name: "highest file", Value: i.fileName(highest)},
	}
	why := "another chain of migrations has it"
	if i.State.Version > int64(highest) {
		why = "a newer set of files, or another chain, has it"
	}
	return ops.Fail(fmt.Sprintf("the database is at version %d, for which there is no file: %s", i.State.Version, why),
		"name the directory it was migrated from: clipperops preflight --path backend/migrations", facts...)
}
