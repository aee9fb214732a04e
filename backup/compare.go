package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// differentError is a restored database that is not what the manifest says.
type differentError struct{ differences []string }

func (e *differentError) Error() string {
	return "the restored database differs from the manifest"
}

// compare counts the rows of every table and holds them, and the schema's
// version, against the manifest.
func (l *loading) compare(ctx context.Context, r *Restored) error {
	at := time.Now()
	conn, err := pg.Connect(ctx, l.o.Into, pg.ConnOptions{Application: l.o.Application, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		_ = conn.Close(limited) // it only read
	}()
	if r.Tables, err = compareTables(ctx, conn, r.Manifest.Tables); err != nil {
		return err
	}
	differences := differences(r.Tables)
	if len(differences) > 0 {
		r.record("backup.rows", "the rows are those of the manifest", at, rowsDiffer(differences))
		return &differentError{differences}
	}
	r.record("backup.rows", "the rows are those of the manifest", at,
		ops.Pass(fmt.Sprintf("%d rows in %d tables, as in the dump's own snapshot", r.Manifest.Rows(), len(r.Tables))))
	return l.compareVersion(ctx, conn, r)
}

func rowsDiffer(differences []string) ops.Result {
	facts := make([]ops.Fact, len(differences))
	for i, d := range differences {
		facts[i] = ops.Fact{Name: "difference", Value: d}
	}
	return ops.Fail(fmt.Sprintf("%d tables differ", len(differences)), "take a new backup; do not rely on this one", facts...)
}

// compareTables lists every table of either side; what is to be counted is
// named by the server, not by a file that anybody may have edited.
func compareTables(ctx context.Context, conn *pgx.Conn, want []Table) ([]Comparison, error) {
	tables, err := relations(ctx, conn)
	if err != nil {
		return nil, err
	}
	all := make([]Comparison, 0, len(tables))
	for _, t := range want {
		all = append(all, Comparison{Name: t.Name, Want: t.Rows, Got: -1})
	}
	for _, name := range tables {
		n, err := countRows(ctx, conn, name)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(c Comparison) bool { return c.Name == name })
		if i < 0 {
			all, i = append(all, Comparison{Name: name, Want: -1}), len(all)
		}
		all[i].Got = n
	}
	slices.SortFunc(all, func(a, b Comparison) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func differences(tables []Comparison) []string {
	var found []string
	for _, t := range tables {
		switch {
		case t.Got == t.Want:
		case t.Got < 0:
			found = append(found, t.Name+" is missing")
		case t.Want < 0:
			found = append(found, t.Name+" is not in the manifest")
		default:
			found = append(found, fmt.Sprintf("%s has %d rows, the manifest says %d", t.Name, t.Got, t.Want))
		}
	}
	return found
}

func (l *loading) compareVersion(ctx context.Context, conn *pgx.Conn, r *Restored) error {
	at := time.Now()
	version, dirty, err := schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	got, want := versionText(version, dirty), versionText(r.Manifest.SchemaVersion, r.Manifest.Dirty)
	if got != want {
		r.record("backup.version", "the schema's version is that of the manifest", at,
			ops.Fail("it is "+got+", not "+want, "take a new backup; do not rely on this one", ops.Fact{Name: "version", Value: got}))
		return &differentError{[]string{"the schema's version is " + got + ", the manifest says " + want}}
	}
	r.record("backup.version", "the schema's version is that of the manifest", at, ops.Pass(got))
	return nil
}

func versionText(version *int64, dirty bool) string {
	switch {
	case version == nil:
		return "none"
	case dirty:
		return fmt.Sprintf("%d, dirty", *version)
	default:
		return fmt.Sprintf("%d, clean", *version)
	}
}
