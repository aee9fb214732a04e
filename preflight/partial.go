package preflight

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
)

// checkPartial compares the objects of the release with the version: each
// exists exactly when the version that makes it is applied.
func checkPartial(ctx context.Context, i *inspection) ops.Result {
	switch {
	case !i.named():
		return ops.Skip("no release was given")
	case i.StateErr != nil || i.State.Rows > 1:
		return ops.Skip("the version is not known (state.version)")
	case i.State.Dirty:
		return ops.Skip("the version is dirty (state.version)")
	}
	made, exists, err := i.standingObjects(ctx)
	if err != nil {
		return unanswered(err)
	}
	remains, lacking := divide(made, exists, i.State.Version)
	if len(remains) == 0 && len(lacking) == 0 {
		return ops.Pass(fmt.Sprintf("the release's %d objects stand as %s has them", len(made), versionName(i.State.Version)))
	}
	var facts []ops.Fact
	var fixes []string
	for _, o := range remains {
		facts = append(facts, ops.Fact{Name: o.String(), Value: fmt.Sprintf("exists, and %06d is not applied", o.Version)})
		if o.Kind == "table" {
			name := quote(i.schema(), o.Name)
			fixes = append(fixes, fmt.Sprintf("look at it, and when nobody needs it: DROP TABLE %s;   else: ALTER TABLE %s RENAME TO …;", name, name))
		}
	}
	for _, o := range lacking {
		facts = append(facts, ops.Fact{Name: o.String(), Value: fmt.Sprintf("is missing, and %06d is applied", o.Version)})
		m, _ := i.Release.Migration(o.Version)
		fixes = append(fixes, fmt.Sprintf("the SQL that makes it again is in %s", m.FileName("up")))
	}
	if len(fixes) == 0 {
		fixes = append(fixes, "drop or rename them; the release's files make them")
	}
	summary := partialSummary(len(remains), len(lacking))
	// Migrations behind the release may have meant it so.
	if len(remains) == 0 && i.State.Version > int64(i.Release.Target) {
		return ops.Warn(summary+"; a later migration may have removed them", distinct(fixes), limited(facts)...)
	}
	return ops.Fail(summary, distinct(fixes), limited(facts)...)
}

func partialSummary(remains, lacking int) string {
	switch {
	case lacking == 0:
		return count(remains, "object", "objects") + " of the release already there, without the version that makes them"
	case remains == 0:
		return count(lacking, "object", "objects") + " of the release missing, although the version that makes them is applied"
	}
	return fmt.Sprintf("the release is half there: %s too many, %d missing", count(remains, "object", "objects"), lacking)
}

// divide returns what exists too early and what is missing. What stands inside
// a table that is named itself is not named again.
func divide(made []release.Object, exists []bool, version int64) (remains, lacking []release.Object) {
	tables := map[string]bool{}
	for n, o := range made {
		applied := int64(o.Version) <= version
		if exists[n] == applied || o.Table != "" && tables[o.Table] {
			continue
		}
		if o.Kind == "table" {
			tables[o.Name] = true
		}
		if exists[n] {
			remains = append(remains, o)
		} else {
			lacking = append(lacking, o)
		}
	}
	return remains, lacking
}
