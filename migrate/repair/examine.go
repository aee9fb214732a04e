package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// Scratch is a database made for one look, and the function that drops it.
type Scratch func(context.Context) (target config.Target, drop func(), err error)

// Input is what an examination needs.
type Input struct {
	// Target is the database. It is only read.
	Target *pgx.Conn
	// State is where its version row says it stands. The file looked for is one that
	// leads to that version, whether the row is dirty or not.
	State  migrate.State
	Source *migrate.Source
	// Empty makes an empty database, Clone one with the target's schema and no rows. They
	// are asked one after the other, never for two at once. With nil, what needs it is
	// not tried.
	Empty, Clone Scratch
	// Application is what others see in pg_stat_activity.
	Application string
}

// Examine compares the database with the versions around the one its row names, and
// says what of the file between them stands.
//
// The error is a *ops.Failure when the row names a version that has no file, and
// otherwise that of a database that could not be made or asked. That the comparison
// came to nothing is no error: the verdict is CannotTell.
func Examine(ctx context.Context, in Input) (*Finding, error) {
	e := &examiner{Input: in, mark: in.State.Version}
	err := e.find()
	if err != nil {
		return nil, err
	}
	if e.target, err = pg.TakeSnapshot(ctx, in.Target, pg.SnapshotOptions{}); err != nil {
		return nil, err
	}
	if err := in.Target.QueryRow(ctx, "SELECT current_setting('search_path')").Scan(&e.path); err != nil {
		return nil, fmt.Errorf("asking for the search_path: %w", pg.Cause(ctx, err))
	}
	if e.invalid, err = InvalidIndexes(ctx, in.Target); err != nil {
		return nil, err
	}
	f, _, err := e.look(ctx)
	if err == nil && f.Verdict == Partly {
		f, err = e.lookClosely(ctx, f.Direction)
	}
	if err != nil {
		return nil, err
	}
	f.Invalid = e.invalid
	return f, nil
}

// lookClosely looks again, at each statement of the file that went in that direction, and
// tries the SQL that comes of it.
func (e *examiner) lookClosely(ctx context.Context, d migrate.Direction) (*Finding, error) {
	e.close = d
	f, way, err := e.look(ctx)
	if err != nil || way == nil {
		return f, err
	}
	return f, e.try(ctx, f, way)
}

// look finds the corridor out and compares.
func (e *examiner) look(ctx context.Context) (*Finding, *corridor, error) {
	f := &Finding{Mark: e.mark}
	way, reasons, err := e.survey(ctx)
	if err != nil {
		return nil, nil, err
	}
	if way == nil {
		f.Verdict, f.Reasons = CannotTell, reasons
		return f, nil, nil
	}
	e.judge(f, way)
	f.Reasons = append(f.Reasons, reasons...)
	return f, way, nil
}

// examiner is one call of Examine.
type examiner struct {
	Input
	// mark is the version the row names, -1 for none; before and after are its
	// neighbours in the chain.
	mark          int64
	before, after *uint64
	target        *pg.Snapshot
	invalid       []InvalidIndex
	path          string // the target's search_path
	// close is the direction of the file whose stretch is looked at statement by
	// statement, "" for none: that takes longer, and is needed for a part of a file alone.
	close migrate.Direction
}

// find looks the mark and its neighbours up in the chain.
func (e *examiner) find() error {
	if e.State.Rows > 1 {
		return &ops.Failure{
			Code:  ops.ExitRefused,
			What:  fmt.Sprintf("%s has %d rows, and golang-migrate keeps one", migrate.VersionTable, e.State.Rows),
			State: []string{"nothing was touched"},
			Next: []string{
				fmt.Sprintf("SELECT * FROM %s;", qualified(e.State.Schema, migrate.VersionTable)),
				fmt.Sprintf("keep the row that is true, the last version that stands: DELETE FROM %s WHERE version <> VERSION;", qualified(e.State.Schema, migrate.VersionTable)),
				"clipperops migrate repair",
			},
		}
	}
	versions := e.Source.Versions()
	at := slices.IndexFunc(versions, func(v uint64) bool { return int64(v) == e.mark })
	if at < 0 && e.mark >= 0 || len(versions) == 0 {
		return &ops.Failure{
			Code:   ops.ExitRefused,
			What:   fmt.Sprintf("the version row says %d, which has no file in %s", e.mark, e.Source.Label),
			Detail: []string{"without the file nothing can be compared"},
			State:  []string{"nothing was touched"},
			Next: []string{
				"name the directory that has it with --path DIR",
				"or, where you know by other means what stands, as a last resort: clipperops migrate force VERSION",
			},
		}
	}
	if at > 0 {
		e.before = &versions[at-1]
	}
	if at+1 < len(versions) {
		e.after = &versions[at+1]
	}
	return nil
}

// survey finds out what the schema is at the versions around the mark: from nothing, or
// where that cannot be done from a clone. Without a corridor the reasons say why.
func (e *examiner) survey(ctx context.Context) (*corridor, []string, error) {
	built, err := e.build(ctx)
	reasons, err := reasonOf(nil, err)
	if err != nil || built != nil && len(built.broken()) == 0 && e.kin(built) {
		return built, nil, err
	}
	if built != nil && len(built.broken()) > 0 {
		reasons = append(reasons, "on an empty database the file cannot be run: "+built.broken()[0].failed.Error())
	}
	kin := built
	if built != nil && !e.kin(built) {
		if len(built.broken()) == 0 {
			reasons = append(reasons, fmt.Sprintf("most of what the files of %s make up to there is not in this database", e.Source.Label))
		}
		kin = nil
	}
	derived, err := e.derive(ctx)
	reasons, err = reasonOf(reasons, err)
	switch {
	case err != nil:
		return nil, nil, err
	case derived == nil:
		return kin, reasonsFor(kin, reasons), nil
	case kin != nil && len(derived.broken()) > 0:
		return kin, nil, nil
	}
	derived.notes = append(derived.notes, reasons...)
	derived.foreign = e.foreign(built, derived)
	return derived, nil, nil
}

// reasonsFor are told where nothing was found out.
func reasonsFor(c *corridor, reasons []string) []string {
	if c != nil {
		return nil
	}
	if len(reasons) == 0 {
		reasons = []string{"no database could be made to compare with"}
	}
	return reasons
}

// unknowable is why a way of finding out led nowhere. It is no error of the examination.
type unknowable struct{ why string }

func (u *unknowable) Error() string { return u.why }

func reasonOf(reasons []string, err error) ([]string, error) {
	var u *unknowable
	if errors.As(err, &u) && slices.Contains(reasons, u.why) {
		return reasons, nil
	}
	if errors.As(err, &u) {
		return append(reasons, u.why), nil
	}
	return reasons, err
}

// kin reports whether the database is one of these files' at all: most of what they had
// made before the mark stands in it. Where they had made nothing, nothing but theirs does,
// unless the mark's file could be run.
func (e *examiner) kin(c *corridor) bool {
	there, missing := e.made(c.lower().schema)
	if there+missing > 0 || len(c.broken()) == 0 {
		return missing <= there
	}
	return !e.strangers(c.at.schema)
}

// made counts what of a schema stands in the database, and what does not.
func (e *examiner) made(schema *pg.Snapshot) (there, missing int) {
	for _, o := range schema.Objects {
		if o.Kind != pg.KindTable && o.Kind != pg.KindColumn && o.Kind != pg.KindFunction {
			continue
		}
		if _, ok := e.target.Find(o.Key); ok {
			there++
		} else {
			missing++
		}
	}
	return there, missing
}

// strangers reports whether there are tables that are not the files', whose schema is given.
func (e *examiner) strangers(files *pg.Snapshot) bool {
	return slices.ContainsFunc(e.target.Objects, func(o pg.Object) bool {
		_, theirs := files.Find(o.Key)
		return o.Kind == pg.KindTable && o.Key != e.books() && !theirs
	})
}
