package preflight

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// relation is a table of the plan that exists.
type relation struct {
	oid   uint32
	name  string
	owner string
	// powerful is an owner whom nobody should become a member of.
	powerful bool
	// changed says that the plan alters or drops it, and does not only refer to it.
	changed bool
	owned   bool
	// mayRead and mayRefer are the rights to read it and to point a foreign key at
	// it; pointedAt says that one of the release's does.
	mayRead, mayRefer, pointedAt bool
}

// checkPrivileges looks for the rights the plan needs and names whoever has them.
func checkPrivileges(ctx context.Context, i *inspection) ops.Result {
	missing, fixes, err := i.missingOnPlaces(ctx)
	if err != nil {
		return unanswered(err)
	}
	tables, err := i.planTables(ctx)
	if err != nil {
		return unanswered(err)
	}
	me := quote(i.Server.User)
	for _, t := range tables {
		switch {
		case t.changed && !t.owned:
			missing = append(missing, ops.Fact{Name: t.name, Value: "belongs to " + t.owner})
			fixes = append(fixes, t.handOver(me))
		case t.pointedAt && !t.mayRefer, !t.changed && !t.mayRefer && !t.mayRead:
			missing = append(missing, ops.Fact{Name: t.name, Value: "may not be referred to; it belongs to " + t.owner})
			fixes = append(fixes, fmt.Sprintf("GRANT SELECT, REFERENCES ON %s TO %s;", t.name, me))
		}
	}
	fact, fix, err := i.missingOnVersionTable(ctx)
	if err != nil {
		return unanswered(err)
	}
	if fix != "" {
		missing, fixes = append(missing, fact), append(fixes, fix)
	}
	if len(missing) > 0 {
		return ops.Fail(fmt.Sprintf("role %s lacks %s", i.Server.User, count(len(missing), "right", "rights")), distinct(fixes), limited(missing)...)
	}
	return ops.Pass(fmt.Sprintf("role %s may create in the database and change %s", i.Server.User, count(len(tables), "table", "tables")))
}

// handOver is how the role comes to be allowed to change the table.
func (r relation) handOver(role string) string {
	if r.powerful { // membership would make the role a superuser in all but name
		return fmt.Sprintf("ALTER TABLE %s OWNER TO %s;   or run as %s", r.name, role, r.owner)
	}
	return fmt.Sprintf("GRANT %s TO %s;   or run as %s", quote(r.owner), role, r.owner)
}

// missingOnPlaces looks at the database and the schemas things are made in.
func (i *inspection) missingOnPlaces(ctx context.Context) (missing []ops.Fact, fixes []string, err error) {
	var database string
	var create bool
	if err := i.Conn.QueryRow(ctx, `
		SELECT current_database()::text, has_database_privilege(current_database(), 'CREATE')`).Scan(&database, &create); err != nil {
		return nil, nil, err
	}
	me := quote(i.Server.User)
	if !create {
		missing = append(missing, ops.Fact{Name: "database " + database, Value: "no CREATE, which extensions and the ledger's schema need"})
		fixes = append(fixes, fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s;", quote(database), me))
	}
	rows, err := i.Conn.Query(ctx, `
		SELECT nspname::text FROM pg_catalog.pg_namespace
		 WHERE nspname = ANY ($1) AND NOT (has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')) ORDER BY 1`,
		[]string{i.schema(), i.State.Schema})
	if err != nil {
		return nil, nil, err
	}
	closed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, schema := range closed {
		missing = append(missing, ops.Fact{Name: "schema " + schema, Value: "no CREATE and USAGE"})
		fixes = append(fixes, fmt.Sprintf("GRANT CREATE, USAGE ON SCHEMA %s TO %s;", quote(schema), me))
	}
	return missing, fixes, err
}

// missingOnVersionTable looks at schema_migrations, whose row every file locks, which takes
// UPDATE, and replaces.
func (i *inspection) missingOnVersionTable(ctx context.Context) (fact ops.Fact, fix string, err error) {
	var owner string
	var may bool
	err = i.Conn.QueryRow(ctx, `
		SELECT pg_catalog.pg_get_userbyid(c.relowner)::text,
		       has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
		       AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
		  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		 WHERE n.nspname = $1 AND c.relname = 'schema_migrations'`, i.State.Schema).Scan(&owner, &may)
	switch {
	case err == pgx.ErrNoRows: //nolint:errorlint // QueryRow returns it as it is
		return fact, "", nil
	case err != nil || may:
		return fact, "", err
	}
	name := i.State.Schema + ".schema_migrations"
	return ops.Fact{Name: name, Value: "may not be read and written; it belongs to " + owner},
		fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s;", quote(i.State.Schema, "schema_migrations"), quote(i.Server.User)), nil
}

// planTables finds the tables that the plan touches and that exist, once.
func (i *inspection) planTables(ctx context.Context) ([]relation, error) {
	if i.asked {
		return i.touched, nil
	}
	var schemas, names []string
	var changes, keys []bool
	for _, use := range i.usesOfPlan() {
		schemas, names = append(schemas, use.Schema), append(names, use.Name)
		changes, keys = append(changes, use.changed), append(keys, use.pointedAt)
	}
	rows, err := i.Conn.Query(ctx, `
		SELECT c.oid, c.oid::regclass::text, o.rolname::text, o.rolsuper, bool_or(w.change), bool_or(w.key),
		       pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE'),
		       has_any_column_privilege(c.oid, 'SELECT'), has_any_column_privilege(c.oid, 'REFERENCES')
		  FROM unnest($1::text[], $2::text[], $3::bool[], $4::bool[]) AS w (schema, name, change, key)
		  JOIN pg_catalog.pg_class c ON c.relname = w.name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		  JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
		 WHERE CASE WHEN w.schema = '' THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = w.schema END
		 GROUP BY c.oid, c.relowner, o.rolname, o.rolsuper ORDER BY 2`, schemas, names, changes, keys)
	if err != nil {
		return nil, err
	}
	i.touched, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (relation, error) {
		var r relation
		err := row.Scan(&r.oid, &r.name, &r.owner, &r.powerful, &r.changed, &r.pointedAt, &r.owned, &r.mayRead, &r.mayRefer)
		return r, err
	})
	i.asked = err == nil
	return i.touched, err
}

// use is a table of the plan and what is done with it.
type use struct {
	Table
	changed, pointedAt bool
}

// usesOfPlan names what the plan changes and refers to, and what the release's
// foreign keys point at. Where there is no plan, what it changes is taken from
// the release as well, as far as that is not applied.
func (i *inspection) usesOfPlan() []use {
	var uses []use
	for _, t := range slices.Concat(i.Plan.Touches.Altered, i.Plan.Touches.Dropped) {
		uses = append(uses, use{Table: t, changed: true})
	}
	for _, t := range i.Plan.Touches.Referenced {
		uses = append(uses, use{Table: t})
	}
	for _, objects := range i.Release.Objects {
		if int64(objects.Version) <= i.State.Version {
			continue
		}
		for _, t := range objects.Tables {
			if t.Altered {
				uses = append(uses, use{Table: Table{Schema: i.schema(), Name: t.Name}, changed: true})
			}
			for _, c := range t.Constraints {
				if c.References != "" {
					uses = append(uses, use{Table: Table{Schema: i.schema(), Name: c.References}, pointedAt: true})
				}
			}
		}
	}
	return uses
}
