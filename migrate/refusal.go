package migrate

import (
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
)

// plannable refuses states from which nothing should be planned. A dirty mark of
// our own is no obstacle to going on in the same direction.
func plannable(src *Source, state *State, d Direction) error {
	switch {
	case state.Rows > 1:
		return &ops.Failure{
			Code:   ops.ExitRefused,
			What:   fmt.Sprintf("%s has %d rows, and golang-migrate keeps one", VersionTable, state.Rows),
			Detail: []string{"which of them is the database's version cannot be told"},
			State:  []string{"nothing was touched"},
			Next:   []string{"delete all but the right one: SELECT version, dirty FROM " + state.table() + ";"},
		}
	case state.Dirty && state.Unfinished == nil:
		return dirty(src, *state)
	case state.Dirty && state.Unfinished.Direction != d:
		return otherWay(*state)
	}
	current := state.Version
	if state.Unfinished != nil {
		current = int64(state.Unfinished.Version)
	}
	if current >= 0 && !src.Has(uint64(current)) {
		return unknownVersion(src, current)
	}
	if !state.Dirty {
		state.Unfinished = nil
	}
	return nil
}

// dirty says what golang-migrate meant by its mark, and what to do.
func dirty(src *Source, s State) error {
	return &ops.Failure{
		Code: ops.ExitRefused,
		What: "the database is dirty at " + versionName(s.Version),
		Detail: []string{
			"golang-migrate marks a version dirty before it runs a file and clean after it: a file was begun, and its end was never recorded",
			begun(src, s.Version),
			"as a file is sent as one query, the server has most likely kept all of it or nothing",
		},
		State: []string{"nothing was touched"},
		Next: []string{
			"find out what of that file stands, and set the row to it: clipperops migrate repair",
			"as a last resort, set it to what you know: clipperops migrate force VERSION",
			"and run the same command again",
		},
	}
}

// begun names the two files the mark can be about: golang-migrate writes the
// version it is going to, also on the way down.
func begun(src *Source, version int64) string {
	var up, down string
	if f, ok := src.Up(uint64(max(version, 0))); ok && version >= 0 {
		up = f.FileName
	}
	for _, v := range src.versions {
		if int64(v) > version {
			if f, ok := src.Down(v); ok {
				down = f.FileName
			}
			break
		}
	}
	switch {
	case up != "" && down != "":
		return fmt.Sprintf("it was %s on the way up, or %s on the way down", up, down)
	case up != "":
		return "it was " + up
	case down != "":
		return "it was " + down
	}
	return "it is none of the files in " + src.Label
}

func otherWay(s State) error {
	u := s.Unfinished
	command := "clipperops migrate"
	if u.Direction == Down {
		command = "clipperops rollback"
		if s.Version >= 0 { // the mark says where the file goes
			command += fmt.Sprintf(" --target %d", s.Version)
		}
	}
	return &ops.Failure{
		Code:   ops.ExitRefused,
		What:   fmt.Sprintf("the %s file of version %d is half done", u.Direction, u.Version),
		Detail: []string{fmt.Sprintf("it cannot run in a transaction, and a run was interrupted after %d of its statements", len(u.Statements))},
		State:  []string{"nothing was touched; the database is at " + s.String()},
		Next:   []string{"finish it first, it goes on behind the last statement that is done: " + command},
	}
}

func unknownVersion(src *Source, version int64) error {
	f := &ops.Failure{
		Code:   ops.ExitRefused,
		What:   fmt.Sprintf("the database is at version %d, which has no file in %s", version, src.Label),
		Detail: []string{"it was migrated by a newer or another chain of migrations: " + span(src)},
		State:  []string{"nothing was touched"},
		Next:   []string{"name the directory that has it with --path DIR, or use the clipperops that brought it there"},
	}
	return f
}

func span(src *Source) string {
	if len(src.versions) == 0 {
		return "there are none in " + src.Label
	}
	return fmt.Sprintf("%s has %d to %d", src.Label, src.versions[0], src.versions[len(src.versions)-1])
}

func noSuchTarget(src *Source, to uint64) error {
	return &ops.Failure{
		Code:   ops.ExitUsage,
		What:   fmt.Sprintf("there is no migration %d in %s", to, src.Label),
		Detail: []string{span(src)},
		State:  []string{"nothing was touched"},
		Next:   []string{"choose a --target that has a file, or name the directory with --path DIR"},
	}
}

func missingFile(v uint64, d Direction) func(Problem) bool {
	return func(p Problem) bool { return p.version == v && p.direction == d }
}

// filesUsable refuses a plan that needs a file with a problem.
func filesUsable(src *Source, files []File) error {
	needed := func(p Problem) bool {
		return p.ID != FilesLate && slices.ContainsFunc(files, func(f File) bool {
			return f.Version == p.version && f.Direction == p.direction
		})
	}
	if slices.ContainsFunc(src.Problems, needed) {
		return refuse(src, needed)
	}
	return nil
}

// refuse turns the problems that stand in the way into one failure.
func refuse(src *Source, which func(Problem) bool) error {
	f := &ops.Failure{
		Code:  ops.ExitRefused,
		State: []string{"nothing was touched"},
	}
	for _, p := range src.Problems {
		if !which(p) {
			continue
		}
		f.Detail = append(f.Detail, p.String())
		f.Next = append(f.Next, p.File+": "+p.Fix)
	}
	f.What = fmt.Sprintf("%d problems of the files in %s are in the way", len(f.Detail), src.Label)
	if len(f.Detail) == 1 {
		f.What, f.Detail = f.Detail[0], nil
	}
	return f
}
