package runbook

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/clipper/clipperops/reports"
)

// rehearsed is what later steps know of the rehearsal. The zero value is that of a
// change that was not rehearsed.
type rehearsed struct {
	// proof is what apply asks for.
	proof   migrate.Rehearsal
	outcome *rehearsal.Outcome
	// before is the target's schema as it was cloned.
	before *pg.Snapshot
	// unlike is how the clone differed from it, which no change is to blame for.
	unlike []pg.Change
	// strangers are kinds that cannot be compared with this clone.
	strangers []pg.Kind
	// otherMajor says that the clone was on another major version, which may write
	// the same definition in other words.
	otherMajor bool
}

// compare finds out how true the clone was.
func (r *rehearsed) compare(o *rehearsal.Outcome, c *pg.Clone, f *flow) {
	r.outcome = o
	r.otherMajor = c.ServerVersionNum/10000 != f.server.VersionNum/10000
	if c.Target.User != f.Config.Target.User {
		r.strangers = []pg.Kind{pg.KindOwner, pg.KindGrant, pg.KindRevoked, pg.KindDefaultPrivilege, pg.KindDefaultRevoked}
	}
	r.unlike = r.known(pg.Diff(r.before, o.Before))
}

// known leaves out what cannot be compared.
func (r *rehearsed) known(changes []pg.Change) []pg.Change {
	return slices.DeleteFunc(changes, func(c pg.Change) bool { return slices.Contains(r.strangers, c.Kind) })
}

// cloneResult says what the rehearsal ran on.
func (r *rehearsed) cloneResult(c *pg.Clone) ops.Result {
	tables := 0
	for _, o := range r.before.Objects {
		if o.Kind == pg.KindTable {
			tables++
		}
	}
	what := "the schema of " + counted(tables, "table", "tables")
	if r.outcome.Mode == rehearsal.WithData {
		what = "the backup, " + counted(tables, "table", "tables") + " with their rows"
	}
	summary := fmt.Sprintf("a clone on %s: %s, made in %s", c.Place, what, reports.Duration(c.Took))
	if len(r.unlike) == 0 {
		return finding("rehearse.clone", ops.Pass(summary))
	}
	result := ops.Warn(summary+", and not wholly like the database",
		"read what differs: nothing that depends on it was rehearsed; another place may hold it: --rehearse-on local")
	result.Evidence = changeFacts(r.unlike)
	return finding("rehearse.clone", result)
}

// maxChanges is how many differences a result shows.
const maxChanges = 20

func changeFacts(changes []pg.Change) []ops.Fact {
	var facts []ops.Fact
	for _, c := range changes[:min(len(changes), maxChanges)] {
		facts = append(facts, ops.Fact{Value: c.String()})
	}
	if more := len(changes) - maxChanges; more > 0 {
		facts = append(facts, ops.Fact{Value: fmt.Sprintf("and %d more", more)})
	}
	return facts
}

// asRehearsed is the check that the change did to the database what it had done to the
// clone, nothing less and nothing more.
func (f *flow) asRehearsed(r rehearsed, id string) []ops.Check {
	if r.outcome == nil {
		return nil
	}
	return []ops.Check{{
		ID: id, Title: "the schema equals the rehearsed one", Group: "rehearsal", Fatal: true, Timeout: time.Minute,
		Run: func(ctx context.Context) ops.Result {
			now, err := pg.TakeSnapshot(ctx, f.conn, pg.SnapshotOptions{})
			if err != nil {
				return ops.Broken(err, "clipperops validate")
			}
			return r.judge(now)
		},
	}}
}

// judge compares the schema as it is now with the one at the end of the rehearsal.
func (r *rehearsed) judge(now *pg.Snapshot) ops.Result {
	expected := r.outcome.Pass(rehearsal.There).After
	differences := slices.DeleteFunc(r.known(pg.Diff(expected, now)), func(c pg.Change) bool {
		return slices.ContainsFunc(r.unlike, func(u pg.Change) bool {
			// Unlike is told from the database to the clone, this from the clone to the database.
			return u.Key == c.Key && u.Before == c.After && u.After == c.Before
		})
	})
	switch {
	case len(differences) == 0:
		return ops.Pass(fmt.Sprintf("%d objects, as on the clone", len(now.Objects)))
	case r.otherMajor:
		return ops.Warn(fmt.Sprintf("%s from the clone, which was on another major version", counted(len(differences), "difference", "differences")),
			"read them: another version may only write them in other words", changeFacts(differences)...)
	}
	return ops.Fail(fmt.Sprintf("%s from the clone", counted(len(differences), "difference", "differences")),
		"find out who else changed the schema meanwhile, or what the files do differently here: clipperops history", changeFacts(differences)...)
}
