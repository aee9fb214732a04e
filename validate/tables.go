package validate

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// tableChecks makes the checks about each table, table by table.
func (v *validation) tableChecks(tables []release.TableState) []ops.Check {
	var checks []ops.Check
	for _, t := range tables {
		checks = append(checks, v.tableCheck(t))
		if len(t.Columns) > 0 {
			checks = append(checks, v.partCheck(t, "columns", "columns, with type and nullability",
				things{"column", "columns"}, len(t.Columns), v.columnFindings))
		}
		if len(t.Indexes) > 0 {
			checks = append(checks, v.partCheck(t, "indexes", "indexes, with keys and predicate",
				things{"index", "indexes"}, len(t.Indexes), v.indexFindings))
		}
		if len(t.Constraints) > 0 {
			checks = append(checks, v.partCheck(t, "constraints", "constraints, validated",
				things{"constraint", "constraints"}, len(t.Constraints), v.constraintFindings))
		}
		if len(t.Triggers) > 0 {
			checks = append(checks, v.partCheck(t, "triggers", "triggers, enabled",
				things{"trigger", "triggers"}, len(t.Triggers), v.triggerFindings))
		}
	}
	return checks
}

// tableID is the id of the check that a table exists.
func tableID(table string) string { return "validate.tables." + table }

func (v *validation) tableCheck(t release.TableState) ops.Check {
	return ops.Check{
		ID:    tableID(t.Name),
		Title: "table " + t.Name + " exists",
		Group: groupSchema,
		Fatal: true,
		Run: func(ctx context.Context) ops.Result {
			c, err := v.catalogue(ctx)
			if err != nil {
				return v.unanswered(err)
			}
			if found := v.tableFindings(c, t); len(found) > 0 {
				return failed(fmt.Sprintf("%s %s", t.Name, found[0].says), found)
			}
			return ops.Pass("table " + t.Name)
		},
	}
}

// partCheck is a check of one kind of thing in a table. Without the table there
// is nothing to say that the table's own check does not say.
func (v *validation) partCheck(t release.TableState, kind, title string, counted things, count int,
	look func(*catalog, release.TableState) []finding,
) ops.Check {
	return ops.Check{
		ID:    "validate." + kind + "." + t.Name,
		Title: t.Name + " has its " + title,
		Group: groupSchema,
		Fatal: true,
		Run: func(ctx context.Context) ops.Result {
			c, err := v.catalogue(ctx)
			if err != nil {
				return v.unanswered(err)
			}
			if len(v.tableFindings(c, t)) > 0 {
				return ops.Skip("there is no table " + t.Name + ": see " + tableID(t.Name))
			}
			return judged(look(c, t), count, counted, t.Name)
		},
	}
}

func (v *validation) tableFindings(c *catalog, t release.TableState) []finding {
	found, exists := c.tables[t.Name]
	f := finding{name: "table " + t.Name}
	switch {
	case !exists:
		f.says = "does not exist"
	case found.kind != "r" && found.kind != "p":
		f.says = "is no table but " + map[string]string{"v": "a view", "m": "a materialized view", "f": "a foreign table"}[found.kind]
	default:
		return nil
	}
	f.fix = "restore it from a backup (clipperops backup list), or " + v.asStated("table", "", t.Name)
	return []finding{f}
}

func (v *validation) columnFindings(c *catalog, t release.TableState) []finding {
	var found []finding
	for _, want := range t.Columns {
		name := "column " + want.Name
		got, exists := c.tables[t.Name].columns[want.Name]
		if !exists {
			found = append(found, finding{name, "missing", v.asStated("column", t.Name, want.Name)})
			continue
		}
		alter := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s ", v.qualified(t.Name), quoted(want.Name))
		if wanted := spelledType(want.Type); got.Type != wanted {
			found = append(found, finding{name, fmt.Sprintf("is %s, not %s", got.Type, wanted), alter + "TYPE " + wanted + ";"})
		}
		switch {
		case want.NotNull && !got.NotNull:
			found = append(found, finding{name, "takes NULL", alter + "SET NOT NULL;"})
		case !want.NotNull && got.NotNull:
			found = append(found, finding{name, "is NOT NULL", alter + "DROP NOT NULL;"})
		}
		if want.Default != "" && essence(got.Default) != essence(want.Default) {
			found = append(found, finding{
				name, "defaults to " + orNothing(got.Default) + ", not " + want.Default,
				alter + "SET DEFAULT " + want.Default + ";",
			})
		}
	}
	return found
}

func orNothing(expression string) string {
	if expression == "" {
		return "nothing"
	}
	return expression
}

func (v *validation) indexFindings(c *catalog, t release.TableState) []finding {
	var found []finding
	for _, want := range t.Indexes {
		name := "index " + want.Name
		create := v.createIndex(t.Name, want)
		got, exists := c.tables[t.Name].indexes[want.Name]
		if !exists {
			found = append(found, finding{name, "missing", create})
			continue
		}
		if wanted, has := indexText(want), indexText(got.promised()); wanted != has {
			found = append(found, finding{
				name, "is " + has + ", not " + wanted,
				"DROP INDEX CONCURRENTLY " + v.qualified(want.Name) + "; " + create,
			})
		}
	}
	return found
}

// promised is an index of the catalogue in the words of a release.
func (i index) promised() release.Index {
	return release.Index{Name: i.Name, Method: i.Method, Unique: i.Unique, Keys: i.Keys, Where: i.Where}
}

// indexText is what matters of an index, in one line that can be compared.
func indexText(i release.Index) string {
	keys := make([]string, len(i.Keys))
	for n, key := range i.Keys {
		keys[n] = strings.Join(strings.Fields(unquoted(key)), " ")
	}
	text := i.Method + " (" + strings.Join(keys, ", ") + ")"
	if i.Unique {
		text = "unique " + text
	}
	if i.Where != "" {
		text += " where " + essence(i.Where)
	}
	return text
}

func (v *validation) createIndex(table string, i release.Index) string {
	sql := "CREATE INDEX CONCURRENTLY "
	if i.Unique {
		sql = "CREATE UNIQUE INDEX CONCURRENTLY "
	}
	sql += fmt.Sprintf("%s ON %s USING %s (%s)", quoted(i.Name), v.qualified(table), i.Method, strings.Join(i.Keys, ", "))
	if i.Where != "" {
		sql += " WHERE " + i.Where
	}
	return sql + ";"
}

// invalidIndexCheck looks at every index of the tables, promised or not: an
// invalid one costs every write and serves no read.
func (v *validation) invalidIndexCheck() ops.Check {
	return ops.Check{
		ID:    "validate.indexes_valid",
		Title: "no index of the release's tables is invalid",
		Group: groupSchema,
		Fatal: true,
		Run: func(ctx context.Context) ops.Result {
			c, err := v.catalogue(ctx)
			if err != nil {
				return v.unanswered(err)
			}
			var found []finding
			count := 0
			for _, t := range v.Release.TablesAt(v.at()) {
				for _, i := range sorted(c, t.Name, func(r *relation) map[string]index { return r.indexes }) {
					count++
					if !i.Valid {
						found = append(found, finding{"index " + i.Name, "invalid", "REINDEX INDEX CONCURRENTLY " + v.qualified(i.Name) + ";"})
					}
				}
			}
			if len(found) > 0 {
				return failed(fmt.Sprintf("%d of %d indexes invalid", len(found), count), found)
			}
			return ops.Pass(fmt.Sprintf("all %d indexes valid", count))
		},
	}
}
