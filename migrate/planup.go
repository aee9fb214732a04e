package migrate

import (
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
)

// PlanUp plans the way from state to version to, and never down: a database at
// or past the target yields a Plan with Nothing to do. rel tells whether a version
// belongs to the release being shipped; nil means that all do.
//
// The error is a *ops.Failure: the database is dirty, or at a version that none
// of the files is for; the target has no file; or a file on the way has a problem.
func PlanUp(src *Source, state State, to uint64, rel func(uint64) bool) (*Plan, error) {
	p := &Plan{Direction: Up, From: state.Version, To: int64(to), Source: src.Label}
	if err := plannable(src, &state, Up); err != nil {
		return nil, err
	}
	if state.Unfinished != nil {
		p.From = state.Unfinished.From
	} else if state.Version >= int64(to) {
		p.To = state.Version
		return p.seal(), nil
	}
	if !src.Has(to) {
		return nil, noSuchTarget(src, to)
	}
	for _, v := range src.versions {
		if int64(v) <= p.From || v > to {
			continue
		}
		f, ok := src.Up(v)
		if !ok {
			return nil, refuse(src, missingFile(v, Up))
		}
		f.After = int64(v)
		p.Files = append(p.Files, mark(f, rel))
	}
	if err := filesUsable(src, p.Files); err != nil {
		return nil, err
	}
	if err := p.resume(src, state); err != nil {
		return nil, err
	}
	return p.seal(), nil
}

// PlanDown plans the way back from state to version to: the down files of every
// version above it, the newest first. A database at the target yields a Plan with
// Nothing to do. rel is as in PlanUp.
//
// Beyond what PlanUp refuses it refuses a target above the current version, and a
// chain with a down file missing: golang-migrate would move the version and
// leave the tables.
func PlanDown(src *Source, state State, to uint64, rel func(uint64) bool) (*Plan, error) {
	return planDown(src, state, int64(to), rel)
}

// PlanDownToNone plans the way back to before the first migration.
func PlanDownToNone(src *Source, state State, rel func(uint64) bool) (*Plan, error) {
	return planDown(src, state, -1, rel)
}

func planDown(src *Source, state State, to int64, rel func(uint64) bool) (*Plan, error) {
	p := &Plan{Direction: Down, From: state.Version, To: to, Source: src.Label}
	if err := plannable(src, &state, Down); err != nil {
		return nil, err
	}
	if state.Unfinished != nil {
		p.From = state.Unfinished.From
	}
	if err := targetBelow(src, p.From, to); err != nil {
		return nil, err
	}
	for i := len(src.versions) - 1; i >= 0; i-- {
		v := src.versions[i]
		if int64(v) > p.From || int64(v) <= to {
			continue
		}
		f, ok := src.Down(v)
		if !ok {
			return nil, refuse(src, missingFile(v, Down))
		}
		f.After = src.previous(v)
		p.Files = append(p.Files, mark(f, rel))
	}
	if err := filesUsable(src, p.Files); err != nil {
		return nil, err
	}
	if err := p.resume(src, state); err != nil {
		return nil, err
	}
	return p.seal(), nil
}

func targetBelow(src *Source, from, to int64) error {
	if to > from {
		return &ops.Failure{
			Code:  ops.ExitUsage,
			What:  fmt.Sprintf("version %d is above the database's, which is at %s; a rollback only goes down", to, versionName(from)),
			State: []string{"nothing was touched"},
			Next:  []string{fmt.Sprintf("to go up: clipperops migrate --target %d", to)},
		}
	}
	if to >= 0 && !src.Has(uint64(to)) {
		return noSuchTarget(src, uint64(to))
	}
	return nil
}

func mark(f File, rel func(uint64) bool) File {
	f.Release = rel == nil || rel(f.Version)
	return f
}
