package rehearsal

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5/pgconn"
)

// Refusal is why the change must not go on, nil when it may. Its code is ExitRefused: the
// database was not touched. What a rollback cannot undo again is no reason.
func (o *Outcome) Refusal() *ops.Failure {
	there := o.Pass(There)
	switch {
	case there == nil:
		return refused("the rehearsal was not begun", nil, "run the same command again")
	case there.Failure != nil:
		return o.cannotSucceed(there)
	case !o.forward() || o.AllowIrreversible:
		return nil
	}
	back := o.Pass(Back)
	const anyway = "or accept that there is no way back: --allow-irreversible"
	switch {
	case back == nil && o.NoWayBack == nil:
		return nil
	case back == nil:
		return refused("the plan cannot be undone: there is no way back", causes(o.NoWayBack),
			"write the down files and run the same command again", anyway)
	case back.Failure != nil:
		f := refused(fmt.Sprintf("the plan cannot be undone: %s fails on the clone", failedFile(back)),
			append(append([]string(nil), back.Failure.Detail...), o.reach(back)), mendFailed(back)+", and run the same command again", anyway)
		f.Err = back.Failure
		return f
	case o.Plan != nil && o.Plan.Resumes:
		return nil
	}
	changes := o.notRestored()
	if len(changes) == 0 || onlyOrder(changes) {
		return nil
	}
	return refused("the plan cannot be undone: "+o.wayBack()+" leave another schema than there was", o.blamed(changes),
		"mend the down files and run the same command again", anyway)
}

func refused(what string, detail []string, next ...string) *ops.Failure {
	return &ops.Failure{Code: ops.ExitRefused, What: what, Detail: detail, State: []string{"the database was not touched"}, Next: next}
}

// cannotSucceed is the refusal of a plan with a file that fails.
func (o *Outcome) cannotSucceed(there *Pass) *ops.Failure {
	f := refused(failedFile(there)+" fails on a clone of the database",
		append(append([]string(nil), there.Failure.Detail...), o.reach(there)), mendFailed(there)+", and run the same command again")
	f.Err = there.Failure
	if reachable, _ := o.reachable(there); len(reachable) > 0 {
		last := reachable[len(reachable)-1]
		command := "clipperops migrate --target " + version(last)
		if there.Plan.Direction == migrate.Down {
			command = "clipperops rollback --target " + version(last)
		}
		f.Next = append(f.Next, "or go as far as it goes: "+command)
	}
	return f
}

// failing is the file a pass failed at.
func failing(p *Pass) (*migrate.FileError, bool) {
	var e *migrate.FileError
	ok := errors.As(p.Failure, &e)
	return e, ok
}

// failedFile names it.
func failedFile(p *Pass) string {
	if e, ok := failing(p); ok {
		return e.File.FileName
	}
	return "a file"
}

// mendFailed is what to do about the file that failed.
func mendFailed(p *Pass) string {
	var answer *pgconn.PgError
	if errors.As(p.Failure, &answer) {
		if mend := cmp.Or(mendOf(answer.Code), migrate.Mend(answer)); mend != "" {
			return mend
		}
	}
	return "mend " + failedFile(p)
}

// reachable are the versions the pass can come to, in its order, and the first it cannot.
func (o *Outcome) reachable(p *Pass) (versions []int64, missed int64) {
	e, known := failing(p)
	for _, f := range p.Plan.Files {
		if known && f.Version == e.File.Version {
			return versions, f.After
		}
		versions = append(versions, f.After)
	}
	return nil, p.Plan.To
}

// reach says how far the chain can go: "targets 96 … 60 can be reached; 59 cannot,
// because 000060_x.down.sql:7: cannot drop table a because other objects depend on it".
func (o *Outcome) reach(p *Pass) string {
	if p.Plan == nil {
		return "how far it can go is not known"
	}
	versions, missed := o.reachable(p)
	cannot := fmt.Sprintf("%s cannot, because %s", version(missed), because(p))
	down := p.Plan.Direction == migrate.Down
	switch n := len(versions); {
	case n == 0 && down:
		return fmt.Sprintf("no target below %s can be reached: %s", version(p.Plan.From), cannot)
	case n == 0:
		return fmt.Sprintf("no version above %s can be reached: %s", version(p.Plan.From), cannot)
	case down && n == 1:
		return fmt.Sprintf("target %s can be reached; %s", version(versions[0]), cannot)
	case down:
		return fmt.Sprintf("targets %s … %s can be reached; %s", version(versions[0]), version(versions[n-1]), cannot)
	default:
		return fmt.Sprintf("versions up to %s can be reached; %s", version(versions[n-1]), cannot)
	}
}

// because is the failure in one line with its place: "000060_x.down.sql:7: cannot drop …".
func because(p *Pass) string {
	e, ok := failing(p)
	if !ok {
		return strings.TrimSuffix(p.Failure.Error(), ".")
	}
	place := e.File.FileName
	if line := failedLine(p.Failure, e); line > 0 {
		place += fmt.Sprintf(":%d", line)
	}
	var answer *pgconn.PgError
	if errors.As(e.Err, &answer) {
		return place + ": " + answer.Message
	}
	message, _, _ := strings.Cut(e.Err.Error(), "\n")
	return place + ": " + message
}

// failedLine is the line the server points at, that of the statement when it points
// nowhere, and 0 when neither is known.
func failedLine(f *ops.Failure, e *migrate.FileError) int {
	var located *pg.ScriptError
	if errors.As(f, &located) && located.Line > 0 {
		return located.Line
	}
	if len(f.Detail) > 0 {
		var line int
		if _, err := fmt.Sscanf(f.Detail[0], "line %d:", &line); err == nil {
			return line
		}
	}
	if e.Statement >= 0 && e.Statement < len(e.File.Statements) {
		return e.File.Statements[e.Statement].Line
	}
	return 0
}

// causes are an error's lines for an operator.
func causes(err error) []string {
	var f *ops.Failure
	if errors.As(err, &f) {
		return append([]string{f.Error()}, f.Detail...)
	}
	return strings.Split(err.Error(), "\n")
}
