package rollback

import (
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/release"
)

// Plan plans the way back to version to, or says why there is none: with RefuseTarget,
// RefuseMissing and RefuseForeign, and what migrate.PlanDown refuses. A database that is at
// the target already yields a plan with Nothing to do. rel may be nil for no release: then
// there is no floor, and no file is foreign.
func Plan(src *migrate.Source, s migrate.State, to uint64, rel *release.Release, allowForeign bool) (*migrate.Plan, error) {
	if f := RefuseTarget(src, s, to, rel); f != nil {
		return nil, f
	}
	if f := RefuseMissing(src, s, to); f != nil {
		return nil, f
	}
	var owns func(uint64) bool
	if rel != nil {
		owns = rel.Owns
	}
	p, err := migrate.PlanDown(src, s, to, owns)
	if err != nil {
		return nil, err
	}
	if f := RefuseForeign(p, rel, allowForeign); f != nil {
		return nil, f
	}
	if f := RefuseUnprotected(p); f != nil {
		return nil, f
	}
	return p, nil
}

func refused(s migrate.State, what string) *ops.Failure {
	return &ops.Failure{Code: ops.ExitRefused, What: what, State: []string{"nothing was touched; the database is at " + s.String()}}
}

// RefuseTarget says why the database may not go back to version to: it is below the
// release's floor, above where the database is, or without a file. It is nil when it may,
// and when the database is there already.
func RefuseTarget(src *migrate.Source, s migrate.State, to uint64, rel *release.Release) *ops.Failure {
	switch current := where(s); {
	case rel != nil && to < rel.Floor:
		f := refused(s, fmt.Sprintf("version %d is below %d, which release %s stands on", to, rel.Floor, rel.Name))
		f.Detail = []string{fmt.Sprintf("what lies below %d is not the release's to undo", rel.Floor)}
		f.Next = []string{fmt.Sprintf("to undo the whole release: clipperops rollback --target %d", rel.Floor)}
		return f
	case current < 0 || to > uint64(current):
		f := refused(s, fmt.Sprintf("version %d is above the database's: a rollback only goes down", to))
		f.Next = []string{fmt.Sprintf("to go up: clipperops migrate --target %d", to)}
		return f
	case to != uint64(current) && !src.Has(to):
		f := refused(s, fmt.Sprintf("there is no migration %d in %s", to, src.Label))
		f.Next = []string{"choose a --target that has a file, or name the directory with --path DIR"}
		if below, ok := nearest(src, to); ok {
			f.Next = append([]string{fmt.Sprintf("the next one below it: clipperops rollback --target %d", below)}, f.Next...)
		}
		return f
	}
	return nil
}

// where is the version the way back begins at: a file that is half undone counts as whole.
func where(s migrate.State) int64 {
	if s.Unfinished != nil && s.Unfinished.Direction == migrate.Down {
		return s.Unfinished.From
	}
	return s.Version
}

func nearest(src *migrate.Source, to uint64) (below uint64, ok bool) {
	for _, v := range src.Versions() {
		if v < to {
			below, ok = v, true
		}
	}
	return below, ok
}

// RefuseMissing names the versions on the way back that have no down file; nil when all
// have one. golang-migrate would move the version and leave the tables.
func RefuseMissing(src *migrate.Source, s migrate.State, to uint64) *ops.Failure {
	var missing []string
	var highest uint64
	for _, v := range src.Versions() {
		if v <= to || int64(v) > where(s) {
			continue
		}
		if _, ok := src.Down(v); !ok {
			up, _ := src.Up(v)
			missing = append(missing, fmt.Sprintf("%s has no down file", up.FileName))
			highest = v
		}
	}
	if len(missing) == 0 {
		return nil
	}
	f := refused(s, fmt.Sprintf("the way back to %d is not whole", to))
	f.Detail = missing
	f.Next = []string{"write what is missing, or name the directory that has it with --path DIR"}
	if int64(highest) < where(s) {
		f.Next = append(f.Next, fmt.Sprintf("%d can be reached: clipperops rollback --target %d", highest, highest))
	}
	return f
}

// RefuseForeign names the files of the plan that are not the release's; nil when there are
// none, or when they are allowed.
func RefuseForeign(p *migrate.Plan, rel *release.Release, allowed bool) *ops.Failure {
	foreign := p.Foreign()
	if len(foreign) == 0 || allowed || rel == nil {
		return nil
	}
	f := &ops.Failure{
		Code:  ops.ExitRefused,
		What:  fmt.Sprintf("the way back to %d undoes %s that do not belong to release %s", p.To, counted(int64(len(foreign)), "migration"), rel.Name),
		State: []string{fmt.Sprintf("nothing was touched; the database is at version %d", p.From)},
	}
	if len(foreign) == 1 {
		f.What = fmt.Sprintf("the way back to %d undoes a migration that does not belong to release %s", p.To, rel.Name)
	}
	for _, file := range foreign {
		f.Detail = append(f.Detail, file.FileName)
	}
	// Newest first: down to the newest foreign file everything is the release's.
	if highest := foreign[0].Version; highest < p.Files[0].Version {
		f.Next = append(f.Next, fmt.Sprintf("back to the newest of them: clipperops rollback --target %d", highest))
	}
	f.Next = append(f.Next, "to undo them as well, with what they hold: the same command with --allow-foreign")
	return f
}

// RefuseUnprotected names the files that cannot run in a transaction and take rows or
// columns away, or may do so in code that commits: what comes late could not be saved, nor
// the file undone. It is nil when there are none.
func RefuseUnprotected(p *migrate.Plan) *ops.Failure {
	var names []string
	for _, file := range p.Files {
		t := file.Touches()
		if !file.Transactional && len(t.Dropped)+len(t.ColumnsDropped)+len(t.Written)+len(t.Opaque) > 0 {
			names = append(names, fmt.Sprintf("%s: %s rules out a transaction", file.FileName, file.NonTransactionalReason))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &ops.Failure{
		Code:   ops.ExitRefused,
		What:   "files that take rows or columns away have to run in a transaction",
		Detail: names,
		State:  []string{fmt.Sprintf("nothing was touched; the database is at version %d", p.From)},
		Next:   []string{"write the file so that it runs in a transaction, then run the same command again"},
	}
}
