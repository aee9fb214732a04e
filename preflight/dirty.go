package preflight

import (
	"context"
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// dirty explains golang-migrate's mark and says, where the release's objects
// allow it, what is true. Nothing is touched: that is for a person to decide.
//
// golang-migrate writes the version it goes to, dirty, before it runs a file: V
// for the up file of V, and V again for the down file of the version after it.
func dirty(ctx context.Context, i *inspection) ops.Result {
	v := i.State.Version
	summary := versionName(v) + " is dirty: golang-migrate began a file and never recorded its end"
	facts := []ops.Fact{{Name: "left by", Value: "golang-migrate, or a tool that works like it"}}
	holders, err := pg.Holders(ctx, i.Conn, i.lockIDs()...)
	if err != nil {
		return unanswered(err)
	}
	for _, h := range i.others(holders) {
		// While it runs a file, the mark is as it should be.
		facts[0].Value = "whoever is migrating at this moment"
		facts = append(facts, ops.Fact{Name: "holds " + h.What, Value: h.String()})
		return ops.Fail(summary, "wait until pid "+fmt.Sprint(h.PID)+" is done, then run preflight again", facts...)
	}
	if v < 0 {
		return ops.Fail(summary, i.setClean(nil), facts...)
	}
	made, exists, err := i.standingObjects(ctx)
	if err != nil {
		return unanswered(err)
	}
	this := stand{version: uint64(v)}
	this.of, this.there = standingOf(this.version, made, exists)
	next := stand{version: i.after(v)}
	if next.version != 0 {
		next.of, next.there = standingOf(next.version, made, exists)
	}
	for _, s := range []stand{this, next} {
		if s.of > 0 {
			facts = append(facts, ops.Fact{
				Name:  fmt.Sprintf("objects of %06d", s.version),
				Value: fmt.Sprintf("%d of %d exist", s.there, s.of),
			})
		}
	}
	return ops.Fail(summary, i.dirtyFix(this, next), facts...)
}

// stand is how much of a version's objects is there.
type stand struct {
	version   uint64
	of, there int
}

func (s stand) none() bool { return s.there == 0 }
func (s stand) all() bool  { return s.there == s.of }

// dirtyFix goes by what is there: all of a version or nothing of it is how a
// file that ran in one transaction leaves the schema.
func (i *inspection) dirtyFix(this, next stand) string {
	const untouched = "nothing was touched; clipperops migrate repair compares every object. By the release's tables and indexes alone, "
	back := i.setClean(i.before(int64(this.version)))
	stay := i.setClean(&this.version)
	switch {
	case next.of > 0 && next.all():
		return untouched + fmt.Sprintf("all of %06d is there, so its down file did not run: %s", next.version, i.setClean(&next.version))
	case next.there > 0:
		return untouched + fmt.Sprintf("of %06d only a part is there. Finish its down file by hand, then: %s   or restore the last backup: clipperops backup list",
			next.version, stay)
	case this.of == 0:
		return untouched + fmt.Sprintf("compare the schema with %s. When all of it is there: %s   When nothing is: %s   Else undo by hand what is there, first.",
			i.fileName(this.version), stay, back)
	case this.none():
		return untouched + fmt.Sprintf("nothing of %06d is there, so go back: %s", this.version, back)
	case this.all():
		return untouched + fmt.Sprintf("all of %06d is there: %s", this.version, stay)
	}
	return untouched + fmt.Sprintf("of %06d only a part is there. Undo it by hand by its down file, then: %s   or restore the last backup: clipperops backup list",
		this.version, back)
}

// setClean is the SQL that states a version; none for nil.
func (i *inspection) setClean(version *uint64) string {
	if version == nil {
		return "DELETE FROM " + i.versionTable() + ";"
	}
	return fmt.Sprintf("UPDATE %s SET version = %d, dirty = false;", i.versionTable(), *version)
}

// before is the version before v in the chain, nil when there is none.
func (i *inspection) before(v int64) *uint64 {
	var found *uint64
	for _, each := range slices.Sorted(slices.Values(i.Versions)) {
		if int64(each) >= v {
			break
		}
		found = &each
	}
	return found
}

// after is the version after v in the chain, 0 when there is none.
func (i *inspection) after(v int64) uint64 {
	for _, each := range slices.Sorted(slices.Values(i.Versions)) {
		if int64(each) > v {
			return each
		}
	}
	return 0
}
