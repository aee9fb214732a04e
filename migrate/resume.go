package migrate

import (
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
)

// resume makes the plan go on in the file that an interrupted run began.
func (p *Plan) resume(src *Source, state State) error {
	u := state.Unfinished
	if u == nil {
		return nil
	}
	if len(p.Files) > 0 && p.Files[0].Version == u.Version && p.Files[0].mayRunAlone() {
		p.Files[0].runAlone()
	}
	if len(p.Files) == 0 || p.Files[0].Version != u.Version || p.Files[0].Transactional {
		return &ops.Failure{
			Code:   ops.ExitRefused,
			What:   fmt.Sprintf("the %s file of version %d is half done, and is not the next one in %s", u.Direction, u.Version, src.Label),
			Detail: []string{fmt.Sprintf("%d of its statements are done", len(u.Statements))},
			State:  []string{"nothing was touched; the database is at " + state.String()},
			Next:   []string{"run with the files and the target of the run that was interrupted"},
		}
	}
	f := &p.Files[0]
	if i := u.changed(*f); i >= 0 {
		return &ops.Failure{
			Code:  ops.ExitRefused,
			What:  fmt.Sprintf("%s was changed in a statement that is done already", f.FileName),
			State: []string{"nothing was touched; the database is at " + state.String()},
			Next: []string{fmt.Sprintf("put the statement that is now on line %d back as it was; those behind the %d that are done may change",
				f.Statements[min(i, len(f.Statements)-1)].Line, len(u.Statements))},
		}
	}
	f.Done, p.Resumes = u.doneUpTo(*f), true
	return nil
}

// runAlone takes up what the server said of the file when its run began: the text does
// not show that it cannot run in a transaction.
func (f *File) runAlone() {
	if f.Transactional {
		f.Transactional = false
		f.NonTransactionalReason = fmt.Sprintf("what the server refused in a transaction (line %d)", f.Statements[0].Line)
	}
}

// doneUpTo is the place of the first statement of f that is not done.
func (u *Unfinished) doneUpTo(f File) int {
	done := 0
	for i := range f.Statements {
		if _, ok := u.Statements[i]; ok {
			done = i + 1
		} else if !f.sessionStatement(i) {
			break
		}
	}
	return done
}

// changed is the place of a statement that is done and reads otherwise now, -1
// when there is none.
func (u *Unfinished) changed(f File) int {
	for i, sum := range u.Statements {
		if i >= len(f.Statements) || checksum(f.Statements[i].Text) != sum {
			return i
		}
	}
	return -1
}
