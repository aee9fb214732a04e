package preflight

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// prerequisiteEntries are what the release needs: tables, extensions and roles,
// and one check for each of its own questions.
func prerequisiteEntries(rel *release.Release) []entry {
	entries := []entry{
		{
			id: "prereq.tables", group: groupPrerequisites, fatal: true,
			title: "the tables and columns the release stands on exist", run: checkTables,
		},
		{
			id: "prereq.extensions", group: groupPrerequisites, fatal: true,
			title: "the extensions are there, or may be created by this role", run: checkExtensions,
		},
		{
			id: "prereq.roles", group: groupPrerequisites, fatal: true,
			title: "the roles named by the files exist", run: checkRoles,
		},
	}
	for _, p := range rel.Prerequisites.Probes {
		entries = append(entries, entry{
			id: "prereq." + p.ID, group: groupPrerequisites, fatal: p.Fatal(), title: p.Title,
			run: func(ctx context.Context, i *inspection) ops.Result { return i.probe(ctx, p) },
		})
	}
	return entries
}

// belowFloor is the reason to skip what the files up to the floor still make.
func (i *inspection) belowFloor() (reason string, below bool) {
	switch {
	case i.StateErr != nil:
		return "the version is not known (state.version)", true
	case i.State.Version >= int64(i.Release.Floor):
		return "", false
	}
	return fmt.Sprintf("the database is at %s, below the release's floor %d: the files up to there come first",
		versionName(i.State.Version), i.Release.Floor), true
}

func versionName(v int64) string {
	if v < 0 {
		return "no version"
	}
	return fmt.Sprintf("version %d", v)
}

func checkTables(ctx context.Context, i *inspection) ops.Result {
	if reason, below := i.belowFloor(); below {
		return ops.Skip(reason)
	}
	if len(i.Release.Prerequisites.Tables) == 0 {
		return ops.Pass("the release stands on no table")
	}
	missing, err := i.missingColumns(ctx)
	if err != nil {
		return unanswered(err)
	}
	if len(missing) == 0 {
		return ops.Pass(count(len(i.Release.Prerequisites.Tables), "table", "tables") + " with every column the release relies on")
	}
	var facts []ops.Fact
	absent := 0
	for _, m := range missing {
		switch {
		case m.column == "":
			absent++
			facts = append(facts, ops.Fact{Name: "table " + m.table, Value: "does not exist in schema " + i.schema()})
		default:
			facts = append(facts, ops.Fact{Name: "column " + m.table + "." + m.column, Value: "does not exist"})
		}
	}
	fix := fmt.Sprintf("apply the migrations up to %d first: clipperops migrate --target %d; when they are applied, this is another database or schema",
		i.Release.Floor, i.Release.Floor)
	if len(i.Plan.Before.Opaque) > 0 { // code in an earlier file may make it, and nobody can tell
		facts = append(facts, ops.Fact{Name: "may be made by " + i.Plan.Before.Opaque[0]})
		return ops.Warn(lacking(absent, len(missing)-absent), fix, limited(facts)...)
	}
	return ops.Fail(lacking(absent, len(missing)-absent), fix, limited(facts)...)
}

func lacking(tables, columns int) string {
	switch {
	case columns == 0:
		return count(tables, "table", "tables") + " the release stands on missing"
	case tables == 0:
		return count(columns, "column", "columns") + " the release stands on missing"
	}
	return count(tables, "table", "tables") + " and " + count(columns, "column", "columns") + " the release stands on missing"
}

// missing is a table that is not there, or a column of one that is.
type missing struct{ table, column string }

// missingColumns looks for what the release stands on, less what an earlier file
// of the plan makes.
func (i *inspection) missingColumns(ctx context.Context) ([]missing, error) {
	var tables, columns []string
	for _, t := range i.Release.Prerequisites.Tables {
		for _, c := range append([]string{""}, t.Columns...) {
			tables, columns = append(tables, t.Name), append(columns, c)
		}
	}
	// A missing table is named once, not with each of its columns.
	rows, err := i.Conn.Query(ctx, `
		SELECT w.tab, w.col
		  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS w (tab, col, place)
		  LEFT JOIN pg_catalog.pg_class c ON c.relname = w.tab AND c.relkind IN ('r', 'p')
		        AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
		 WHERE CASE WHEN w.col = '' THEN c.oid IS NULL
		            ELSE c.oid IS NOT NULL AND NOT EXISTS (
		                SELECT 1 FROM pg_catalog.pg_attribute a
		                 WHERE a.attrelid = c.oid AND a.attname = w.col AND a.attnum > 0 AND NOT a.attisdropped) END
		 ORDER BY w.place`, i.schema(), tables, columns)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (missing, error) {
		var m missing
		err := row.Scan(&m.table, &m.column)
		return m, err
	})
	made := i.Plan.Before
	return slices.DeleteFunc(all, func(m missing) bool {
		if m.column == "" {
			return i.among(m.table, made.Created)
		}
		return i.among(m.table, made.Altered) // which column it gets is not known; the file itself will tell
	}), err
}

// among reports whether a table of the release's schema is one of those named.
func (i *inspection) among(name string, tables []Table) bool {
	return slices.ContainsFunc(tables, func(t Table) bool {
		return t.Name == name && (t.Schema == "" || t.Schema == i.schema())
	})
}

// notRoles are words that stand where a role's name may.
var notRoles = []string{"public", "current_user", "session_user", "current_role"}

func checkRoles(ctx context.Context, i *inspection) ops.Result {
	wanted := slices.Concat(i.Release.Prerequisites.Roles, i.Plan.Touches.Roles)
	slices.Sort(wanted)
	wanted = slices.DeleteFunc(slices.Compact(wanted), func(r string) bool { return slices.Contains(notRoles, r) })
	if len(wanted) == 0 {
		return ops.Pass("no role is named")
	}
	rows, err := i.Conn.Query(ctx, `
		SELECT r FROM unnest($1::text[]) AS r WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = r) ORDER BY 1`, wanted)
	if err != nil {
		return unanswered(err)
	}
	absent, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return unanswered(err)
	}
	if len(absent) == 0 {
		return ops.Pass(count(len(wanted), "role", "roles") + " named by the files, all there")
	}
	var facts []ops.Fact
	var fixes []string
	for _, r := range absent {
		facts = append(facts, ops.Fact{Name: "role " + r, Value: "does not exist"})
		fixes = append(fixes, "CREATE ROLE "+quote(r)+";")
	}
	summary := count(len(absent), "role", "roles") + " missing"
	if len(i.Plan.Touches.Opaque) > 0 && !slices.ContainsFunc(absent, func(r string) bool { return slices.Contains(i.Release.Prerequisites.Roles, r) }) {
		// Roles are made in DO blocks, for want of CREATE ROLE IF NOT EXISTS.
		facts = append(facts, ops.Fact{Name: "may be made by " + i.Plan.Touches.Opaque[0]})
		return ops.Warn(summary, distinct(fixes), limited(facts)...)
	}
	return ops.Fail(summary, distinct(fixes), limited(facts)...)
}
