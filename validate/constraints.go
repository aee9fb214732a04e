package validate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// constraintFindings leaves foreign keys that are not validated to keyCheck,
// which looks at those nobody promised as well.
func (v *validation) constraintFindings(c *catalog, t release.TableState) []finding {
	var found []finding
	for _, want := range t.Constraints {
		name := "constraint " + want.Name
		got, exists := c.tables[t.Name].constraints[want.Name]
		if !exists {
			found = append(found, finding{name, "missing", v.addConstraint(t.Name, want)})
			continue
		}
		if says := difference(want, got); says != "" {
			drop := fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s; ", v.qualified(t.Name), quoted(want.Name))
			found = append(found, finding{name, says, drop + v.addConstraint(t.Name, want)})
		} else if !got.Validated && got.Kind != release.KindForeignKey {
			found = append(found, finding{name, "not validated", v.validate(t.Name, want.Name)})
		}
	}
	return found
}

// difference says how a constraint differs from the one promised; empty when it
// does not.
func difference(want release.Constraint, got constraint) string {
	if got.Kind != want.Kind {
		return fmt.Sprintf("is a %s, not a %s", got.Kind, want.Kind)
	}
	switch want.Kind {
	case release.KindPrimaryKey, release.KindUnique, release.KindForeignKey:
		if !slices.Equal(got.Columns, want.Columns) {
			return fmt.Sprintf("is on (%s), not on (%s)", strings.Join(got.Columns, ", "), strings.Join(want.Columns, ", "))
		}
	case release.KindCheck:
		wanted := slices.Sorted(slices.Values(want.Values))
		if has := literals(got.Definition); len(wanted) > 0 && !slices.Equal(has, wanted) {
			return fmt.Sprintf("allows %s, not %s", strings.Join(has, ", "), strings.Join(wanted, ", "))
		}
	}
	if want.Kind == release.KindForeignKey {
		if got.References != want.References {
			return fmt.Sprintf("references %s, not %s", got.References, want.References)
		}
		if got.OnDelete != want.OnDelete {
			return fmt.Sprintf("on delete does %s, not %s", got.OnDelete, want.OnDelete)
		}
	}
	return ""
}

// addConstraint is the statement that makes a constraint, where the release says
// all of it, in the form that does not stop the application.
func (v *validation) addConstraint(table string, c release.Constraint) string {
	if c.Kind != release.KindForeignKey {
		return v.asStated("constraint", table, c.Name)
	}
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s ON DELETE %s NOT VALID; %s",
		v.qualified(table), quoted(c.Name), quoted(c.Columns...), v.qualified(c.References),
		strings.ToUpper(c.OnDelete), v.validate(table, c.Name))
}

func (v *validation) validate(table, name string) string {
	return fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s;", v.qualified(table), quoted(name))
}

// keyCheck looks at every foreign key of the tables, promised or not.
func (v *validation) keyCheck() ops.Check {
	return ops.Check{
		ID:    "validate.foreign_keys_valid",
		Title: "every foreign key of the release's tables is validated",
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
				for _, k := range sorted(c, t.Name, func(r *relation) map[string]constraint { return r.constraints }) {
					if k.Kind != release.KindForeignKey {
						continue
					}
					count++
					if !k.Validated {
						found = append(found, finding{"constraint " + k.Name, "not validated: rows from before may point nowhere", v.validate(t.Name, k.Name)})
					}
				}
			}
			if len(found) > 0 {
				return failed(fmt.Sprintf("%d of %d foreign keys not validated", len(found), count), found)
			}
			return ops.Pass(fmt.Sprintf("all %d foreign keys validated", count))
		},
	}
}

// sorted lists things of a table by name; none where there is no table.
func sorted[T any](c *catalog, table string, of func(*relation) map[string]T) []T {
	r, exists := c.tables[table]
	if !exists {
		return nil
	}
	m := of(r)
	out := make([]T, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}
