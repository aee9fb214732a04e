package preflight

import (
	"context"
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
)

func fileEntries() []entry {
	return []entry{
		{
			id: "files.complete", group: groupFiles, fatal: true, offline: true,
			title: "every migration can be read and has its up and its down file", run: checkComplete,
		},
		{
			id: "files.late", group: groupFiles, fatal: true,
			title: "no file came after the database had passed it", run: checkLate,
		},
		{
			id: "files.transaction", group: groupFiles, fatal: true, offline: true,
			title: "no file ends the transaction it runs in", run: checkTransaction,
		},
	}
}

func checkComplete(_ context.Context, i *inspection) ops.Result {
	if i.SourceErr != nil {
		return fromFailure(i.SourceErr)
	}
	found := i.problems("files.complete")
	for _, m := range i.Release.Migrations {
		if !slices.Contains(i.Versions, m.Version) {
			found = append(found, FileProblem{
				File: m.FileName("up"), Text: "belongs to the " + i.Release.Name + " release and is missing from " + i.source(),
				Fix: "name the directory that has it with --path DIR",
			})
		}
	}
	if len(found) == 0 && len(i.Versions) == 0 {
		return ops.Skip("no files were given")
	}
	if len(found) == 0 && i.PlanErr != nil && !i.unplannable() {
		return fromFailure(i.PlanErr)
	}
	if len(found) == 0 {
		return ops.Pass(count(len(i.Versions), "migration", "migrations")+" in "+i.source()+", each with up and down",
			ops.Fact{Name: "highest", Value: i.fileName(slices.Max(i.Versions))})
	}
	r := problemResult(found, "is", "are", "not as it should be", "not as they should be")
	switch onlyWayBack := !slices.ContainsFunc(found, func(p FileProblem) bool { return !p.OfWayBack }); {
	case onlyWayBack && i.AllowIrreversible:
		r.Status = ops.StatusWarn
		r.Summary += ": there is no way back, which --allow-irreversible accepts"
	case onlyWayBack:
		r.Fix += "\nor accept that there is no way back: --allow-irreversible"
	}
	return r
}

// unplannable reports whether it is the database's state, and not the files,
// that rules a plan out: that is for state.version to say.
func (i *inspection) unplannable() bool {
	s := i.State
	return i.Conn == nil || i.StateErr != nil || s.Dirty || s.Rows > 1 ||
		s.Version >= 0 && !slices.Contains(i.Versions, uint64(s.Version))
}

func checkTransaction(_ context.Context, i *inspection) ops.Result {
	found := i.problems("files.transaction")
	switch {
	case len(found) > 0:
		return problemResult(found, "does", "do", "not run as one transaction", "not run as one transaction each")
	case i.SourceErr != nil || len(i.Versions) == 0:
		return ops.Skip("no files were read (files.complete)")
	}
	return ops.Pass("no transaction control beyond one outer BEGIN and COMMIT")
}

// checkLate compares with what the ledger knows. Between the highest version it
// knows and the present one somebody else migrated: of that nothing can be said.
func checkLate(_ context.Context, i *inspection) ops.Result {
	switch {
	case i.StateErr != nil:
		return ops.Skip("the version is not known (state.version)")
	case i.State.Version < 0:
		return ops.Skip("no version yet, so nothing can be late")
	case len(i.Known) == 0:
		return ops.Skip("the ledger knows of no earlier run to compare with")
	}
	passed := min(i.State.Version, int64(slices.Max(i.Known)))
	var facts []ops.Fact
	for _, v := range i.Versions {
		if int64(v) <= passed && !slices.Contains(i.Known, v) {
			facts = append(facts, ops.Fact{Name: i.fileName(v), Value: fmt.Sprintf("was not there when the database passed %d", v)})
		}
	}
	if len(facts) == 0 {
		return ops.Pass(fmt.Sprintf("every file up to %d was there when the database passed it", passed))
	}
	return ops.Fail(fmt.Sprintf("%s below version %d would never be applied", count(len(facts), "file", "files"), i.State.Version),
		fmt.Sprintf("give it a version above %d, the highest there is", slices.Max(i.Versions)), limited(facts)...)
}

func (i *inspection) problems(id string) []FileProblem {
	var found []FileProblem
	for _, p := range i.Files {
		if p.ID == id {
			found = append(found, p)
		}
	}
	return found
}

// problemResult sums problems up: "2 files are not as they should be".
func problemResult(found []FileProblem, is, are, one, many string) ops.Result {
	files := map[string]bool{}
	var facts []ops.Fact
	var fixes []string
	for _, p := range found {
		files[p.File] = true
		place := p.File
		if p.Line > 0 {
			place += fmt.Sprintf(" line %d", p.Line)
		}
		facts = append(facts, ops.Fact{Name: place, Value: p.Text})
		if fix := p.Fix; fix != "" {
			if p.File != "" {
				fix = p.File + ": " + fix
			}
			fixes = append(fixes, fix)
		}
	}
	summary := fmt.Sprintf("1 file %s %s", is, one)
	if len(files) > 1 {
		summary = fmt.Sprintf("%d files %s %s", len(files), are, many)
	}
	return ops.Fail(summary, distinct(fixes), limited(facts)...)
}

// source names the directory of the files.
func (i *inspection) source() string {
	if i.Source == "" {
		return "the migrations"
	}
	return i.Source
}

func (i *inspection) fileName(version uint64) string {
	if name := i.Names[version]; name != "" {
		return name
	}
	return fmt.Sprintf("%06d", version)
}
