package preflight

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// extension is what the server knows of one that is wanted.
type extension struct {
	name                  string
	installed, available  bool
	needsSuper, isTrusted bool
}

func checkExtensions(ctx context.Context, i *inspection) ops.Result {
	created := i.Plan.Touches.Extensions
	wanted := slices.Concat(i.Release.Prerequisites.Extensions, created)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	if len(wanted) == 0 {
		return ops.Pass("no extension is needed")
	}
	found, err := i.extensions(ctx, wanted)
	if err != nil {
		return unanswered(err)
	}
	var facts []ops.Fact
	var fixes []string
	for _, e := range found {
		if fact, fix := i.judgeExtension(e, slices.Contains(created, e.name)); fix != "" {
			facts, fixes = append(facts, fact), append(fixes, fix)
		}
	}
	if len(fixes) > 0 {
		return ops.Fail(count(len(fixes), "extension", "extensions")+" cannot be had", distinct(fixes), limited(facts)...)
	}
	return ops.Pass(count(len(wanted), "extension", "extensions") + " installed, or may be created by this role")
}

// judgeExtension returns no fix for an extension that is or will be there.
func (i *inspection) judgeExtension(e extension, planned bool) (ops.Fact, string) {
	create := "CREATE EXTENSION " + quote(e.name) + ";"
	role := i.Server.User
	switch {
	case e.installed:
		return ops.Fact{}, ""
	case !e.available:
		return ops.Fact{Name: "extension " + e.name, Value: "is not available on the server"},
			fmt.Sprintf("install its package on the database server (PostgreSQL %d), then run preflight again", i.Server.Major())
	case e.needsSuper && !e.isTrusted && !i.Server.Superuser:
		return ops.Fact{Name: "extension " + e.name, Value: "may only be created by a superuser, and " + role + " is none"},
			create + "   as a superuser"
	case !planned:
		return ops.Fact{Name: "extension " + e.name, Value: "is available, not installed, and no file of the plan creates it"}, create
	}
	return ops.Fact{}, "" // the right to create in the database is db.privileges'
}

func (i *inspection) extensions(ctx context.Context, names []string) ([]extension, error) {
	trusted := "v.trusted"
	if i.Server.Major() < 13 { // before, every extension with C code was for superusers
		trusted = "false"
	}
	rows, err := i.Conn.Query(ctx, `
		SELECT w.name, x.oid IS NOT NULL, a.name IS NOT NULL, coalesce(v.superuser, true), coalesce(`+trusted+`, false)
		  FROM unnest($1::text[]) AS w (name)
		  LEFT JOIN pg_catalog.pg_extension x ON x.extname = w.name
		  LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = w.name
		  LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = w.name AND v.version = a.default_version
		 ORDER BY 1`, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (extension, error) {
		var e extension
		err := row.Scan(&e.name, &e.installed, &e.available, &e.needsSuper, &e.isTrusted)
		return e, err
	})
}
