package rehearsal

import (
	"time"

	"github.com/clipper/clipperops/migrate"
)

// Expected is how long each file of the plan and each of its statements is expected to
// take on the target, in the order they run: what apply tells its progress with.
func (o *Outcome) Expected() []migrate.Expected {
	there := o.Pass(There)
	if there == nil {
		return nil
	}
	var all []migrate.Expected
	for i := range there.Files {
		f := &there.Files[i]
		at := len(all)
		all = append(all, migrate.Expected{Version: f.Version, Statement: -1})
		var statements, measured time.Duration
		for j := range f.Statements {
			s := &f.Statements[j]
			took := o.Takes(f, s)
			statements += took
			measured += s.Took
			all = append(all, migrate.Expected{Version: f.Version, Statement: s.Index, Took: took})
		}
		// What is not a statement's is the commit.
		all[at].Took = statements + max(f.Took-measured, 0)
	}
	return all
}
