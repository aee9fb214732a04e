package preflight

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/release"
)

// standingObjects tells which of the release's objects exist, in the order of
// release.Made. A view or sequence with a table's name counts: it is in the way.
func (i *inspection) standingObjects(ctx context.Context) (made []release.Object, exists []bool, err error) {
	made = i.Release.Made()
	kinds, tables, names := make([]string, len(made)), make([]string, len(made)), make([]string, len(made))
	for n, o := range made {
		kinds[n], tables[n], names[n] = o.Kind, o.Table, o.Name
	}
	rows, err := i.Conn.Query(ctx, `
		WITH home AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
		SELECT CASE w.kind
		       WHEN 'table' THEN EXISTS (
		           SELECT 1 FROM pg_catalog.pg_class c, home WHERE c.relnamespace = home.oid AND c.relname = w.name)
		       WHEN 'index' THEN EXISTS (
		           SELECT 1 FROM pg_catalog.pg_class c, home WHERE c.relnamespace = home.oid AND c.relname = w.name)
		       WHEN 'column' THEN EXISTS (
		           SELECT 1 FROM pg_catalog.pg_class c, home, pg_catalog.pg_attribute a
		            WHERE c.relnamespace = home.oid AND c.relname = w.tab
		              AND a.attrelid = c.oid AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped)
		       WHEN 'constraint' THEN EXISTS (
		           SELECT 1 FROM pg_catalog.pg_class c, home, pg_catalog.pg_constraint k
		            WHERE c.relnamespace = home.oid AND c.relname = w.tab AND k.conrelid = c.oid AND k.conname = w.name)
		       WHEN 'trigger' THEN EXISTS (
		           SELECT 1 FROM pg_catalog.pg_class c, home, pg_catalog.pg_trigger g
		            WHERE c.relnamespace = home.oid AND c.relname = w.tab AND g.tgrelid = c.oid AND g.tgname = w.name)
		       WHEN 'function' THEN EXISTS (
		           SELECT 1 FROM pg_catalog.pg_proc p, home WHERE p.pronamespace = home.oid AND p.proname = w.name)
		       ELSE false END
		  FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS w (kind, tab, name, place)
		 ORDER BY w.place`, i.schema(), kinds, tables, names)
	if err != nil {
		return nil, nil, err
	}
	exists, err = pgx.CollectRows(rows, pgx.RowTo[bool])
	return made, exists, err
}

// standingOf counts the objects of one version of the release, and those of them
// that exist.
func standingOf(version uint64, made []release.Object, exists []bool) (of, there int) {
	for n, o := range made {
		if o.Version == version {
			of++
			if exists[n] {
				there++
			}
		}
	}
	return of, there
}
