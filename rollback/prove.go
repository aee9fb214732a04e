package rollback

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/release"
)

// The ids of what Prove checks.
const (
	CheckVersion   = "rollback.version"
	CheckGone      = "rollback.gone"
	CheckUnchanged = "rollback.unchanged"
	CheckArchive   = "rollback.archive"
)

const (
	proveGroup = "rollback"
	// proveTimeout bounds a check that reads a whole archive.
	proveTimeout = 30 * time.Minute
	// listed is how many findings a result names.
	listed = 20
)

// ProveInput is what a rollback is judged by.
type ProveInput struct {
	Conn *pgx.Conn
	// Before is the schema as it was before the first file.
	Before *pg.Snapshot
	Plan   *migrate.Plan
	// Release says which objects the reverted versions had made; nil for no release.
	Release *release.Release
	// Archive and Late are what was saved. Without an archive its check skips.
	Archive ArchiveRef
	Late    []ArchiveRef
}

// Prove returns the checks that a rollback did what it was to do and nothing else.
func Prove(in ProveInput) []ops.Check {
	after := onceSnapshot(in.Conn)
	return []ops.Check{
		{ID: CheckVersion, Title: "the version is the target's, clean", Group: proveGroup, Fatal: true, Run: in.version},
		{
			ID: CheckGone, Title: "what the reverted migrations made is gone", Group: proveGroup, Fatal: true,
			Run: func(ctx context.Context) ops.Result { return in.gone(after(ctx)) },
		},
		{
			ID: CheckUnchanged, Title: "everything else is as before", Group: proveGroup, Fatal: true,
			Run: func(ctx context.Context) ops.Result { return in.unchanged(after(ctx)) },
		},
		{ID: CheckArchive, Title: "the archive can be read", Group: proveGroup, Fatal: true, Timeout: proveTimeout, Run: in.readable},
	}
}

// onceSnapshot takes the snapshot that several checks look at.
func onceSnapshot(conn *pgx.Conn) func(context.Context) (*pg.Snapshot, error) {
	var once sync.Once
	var s *pg.Snapshot
	var err error
	return func(ctx context.Context) (*pg.Snapshot, error) {
		once.Do(func() { s, err = pg.TakeSnapshot(ctx, conn, pg.SnapshotOptions{}) })
		return s, err
	}
}

func (in ProveInput) version(ctx context.Context) ops.Result {
	s, err := migrate.ReadState(ctx, in.Conn)
	switch {
	case err != nil:
		return ops.Broken(err, "clipperops migrate status")
	case s.Version != in.Plan.To || s.Dirty || s.Rows > 1:
		return ops.Fail(fmt.Sprintf("the database is at %s, and was to be at version %d, clean", s, in.Plan.To), "clipperops migrate status")
	}
	return ops.Pass(s.String())
}

// gone looks for objects of the release that the reverted versions had made.
func (in ProveInput) gone(after *pg.Snapshot, err error) ops.Result {
	if err != nil {
		return ops.Broken(err, "run the command again: there is nothing to revert any more, and it proves that")
	}
	if in.Release == nil {
		return ops.Skip("there is no release whose objects are known")
	}
	var there []string
	n := 0
	for _, made := range in.Release.Made() {
		if int64(made.Version) <= in.Plan.To || !in.reverts(made.Version) {
			continue
		}
		n++
		if stands(after, in.Release.Schema, made) {
			there = append(there, made.String())
		}
	}
	switch {
	case n == 0:
		return ops.Skip("none of the reverted migrations is the release's")
	case len(there) > 0:
		return ops.Fail(fmt.Sprintf("%d of %d objects of release %s still stand", len(there), n, in.Release.Name),
			"see why the down file leaves them, drop them, and mend the file", facts("still there", there)...)
	}
	return ops.Pass(fmt.Sprintf("%d objects of release %s are gone", n, in.Release.Name))
}

func (in ProveInput) reverts(version uint64) bool {
	return slices.ContainsFunc(in.Plan.Files, func(f migrate.File) bool { return f.Version == version })
}

// stands reports whether the object is in the snapshot.
func stands(s *pg.Snapshot, schema string, made release.Object) bool {
	return slices.ContainsFunc(s.Objects, func(o pg.Object) bool {
		if string(o.Kind) != made.Kind {
			return false
		}
		if made.Kind == "column" || made.Kind == "constraint" || made.Kind == "trigger" {
			return sameName(o.Name, schema, made.Table, made.Name)
		}
		return sameName(o.Name, schema, made.Name)
	})
}

// unchanged names what changed that the reverted files do not speak of.
func (in ProveInput) unchanged(after *pg.Snapshot, err error) ops.Result {
	if err != nil {
		return ops.Broken(err, "run the command again: there is nothing to revert any more, and it proves that")
	}
	if in.Before == nil {
		return ops.Skip("there is no snapshot of the schema from before")
	}
	changes := pg.Diff(in.Before, after)
	var others []string
	for _, c := range changes {
		if !owns(in.Plan.Files, changes, c) {
			others = append(others, c.String())
		}
	}
	if len(others) > 0 {
		return ops.Fail(fmt.Sprintf("%s that the down files do not speak of", counted(int64(len(others)), "change")),
			"find out who else changed the schema; what CASCADE took along has to be made again", facts("changed", others)...)
	}
	return ops.Pass(fmt.Sprintf("%s, all of the reverted files", counted(int64(len(changes)), "change")))
}

func (in ProveInput) readable(context.Context) ops.Result {
	if in.Archive.Path == "" {
		return ops.Skip("there is no archive")
	}
	rows := in.Archive.Rows()
	for _, a := range append([]ArchiveRef{in.Archive}, in.Late...) {
		if err := a.Verify(); err != nil {
			return ops.Broken(err, "keep the file, and restore from the full backup if the rows are needed")
		}
	}
	for _, a := range in.Late {
		rows += a.Rows()
	}
	return ops.Pass(fmt.Sprintf("%s, sha256 %s", counted(rows, "row"), in.Archive.SHA256[:min(12, len(in.Archive.SHA256))]),
		ops.Fact{Name: "archive", Value: in.Archive.Path})
}

func facts(name string, values []string) []ops.Fact {
	var list []ops.Fact
	for i, v := range values {
		if i == listed {
			return append(list, ops.Fact{Name: name, Value: fmt.Sprintf("and %d more", len(values)-listed)})
		}
		list = append(list, ops.Fact{Name: name, Value: strings.TrimSpace(v)})
	}
	return list
}
