package repair

import (
	"context"
	"errors"
	"fmt"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// level is the schema at a version; -1 is before the first file.
type level struct {
	version int64
	schema  *pg.Snapshot
}

// corridor is the stretch of the chain around the mark: the version before it, the
// version itself and the one after it, with the files between them played. golang-migrate
// writes the version it is going to: the file was the one up to the mark, or the one down
// to it.
type corridor struct {
	// how says how the schemas were found out.
	how string
	// before is nil for a mark of no version, after when there is no further version or
	// it could not be made; unseen then says why.
	before, at, after *level
	unseen            string
	// arrival are the files of the mark's own version, departure those of the next one.
	arrival, departure stretch
	// derived says that the schemas come from a clone of the database.
	derived bool
	// foreign is why the database is none of these files', "" where it can be one.
	foreign string
	notes   []string
}

// stretch is the way between two neighbouring versions: nil where there is no file, or
// it could not be played.
type stretch struct{ up, down *played }

// lower is the lowest level there is.
func (c *corridor) lower() *level {
	if c.before != nil {
		return c.before
	}
	return c.at
}

func (c *corridor) levels() []*level {
	var all []*level
	for _, l := range []*level{c.before, c.at, c.after} {
		if l != nil {
			all = append(all, l)
		}
	}
	return all
}

// broken are the statements of the mark's own file that cannot be run.
func (c *corridor) broken() []step {
	var all []step
	if c.arrival.up != nil {
		for _, s := range c.arrival.up.steps {
			if s.failed != nil {
				all = append(all, s)
			}
		}
	}
	return all
}

// on runs work on a scratch database.
func (e *examiner) on(ctx context.Context, scratch Scratch, work func(*player) error) error {
	target, drop, err := scratch(ctx)
	if err != nil {
		return err
	}
	defer drop()
	p, err := e.newPlayer(ctx, target)
	if err != nil {
		return err
	}
	defer p.close(ctx)
	return work(p)
}

// build makes the corridor from the files alone, on an empty database. The error is an
// *unknowable when a file before the mark cannot be run there.
func (e *examiner) build(ctx context.Context) (c *corridor, err error) {
	if e.Empty == nil {
		return nil, nil
	}
	err = e.on(ctx, e.Empty, func(p *player) error {
		for _, v := range e.Source.Versions() {
			if e.before == nil || v > *e.before {
				break
			}
			f, err := e.file(v, migrate.Up)
			if err != nil {
				return err
			}
			if _, err := p.play(ctx, f, manner{}); err != nil {
				return e.unplayable(err)
			}
		}
		c, err = e.walk(ctx, p, e.after != nil)
		return err
	})
	if c != nil {
		c.how = "built from the files on an empty database"
	}
	return c, err
}

// unplayable is the reason of a chain that cannot be made from nothing.
func (e *examiner) unplayable(err error) error {
	var broken *brokenError
	if errors.As(err, &broken) {
		return &unknowable{"the files cannot be run on an empty database: " + broken.Error()}
	}
	return err
}

// file is the file of a version that must be there and be SQL.
func (e *examiner) file(v uint64, d migrate.Direction) (migrate.File, error) {
	f, ok := e.Source.Up(v)
	if d == migrate.Down {
		f, ok = e.Source.Down(v)
	}
	if !ok {
		return f, &unknowable{fmt.Sprintf("version %d has no %s file", v, d)}
	}
	for _, p := range e.Source.Problems {
		if p.File == f.FileName && f.Statements == nil {
			return f, &unknowable{p.String()}
		}
	}
	return f, nil
}

// walk goes from the version before the mark up to the one after it, and back, looking
// at each statement. The scratch database is at the version before the mark.
func (e *examiner) walk(ctx context.Context, p *player, further bool) (*corridor, error) {
	c := &corridor{}
	start, err := p.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if e.mark < 0 {
		c.at = &level{version: -1, schema: start}
	} else {
		c.before = &level{version: e.beforeVersion(), schema: start}
		if err := e.arrive(ctx, p, c); err != nil {
			return nil, err
		}
	}
	if further && len(c.broken()) == 0 {
		if err := e.depart(ctx, p, c); err != nil {
			return nil, err
		}
	}
	if e.mark < 0 {
		return c, nil
	}
	c.arrival.down, err = e.back(ctx, p, uint64(e.mark), migrate.Up)
	return c, err
}

func (e *examiner) beforeVersion() int64 {
	if e.before == nil {
		return -1
	}
	return int64(*e.before)
}

// arrive plays the mark's own file. One that fails is played again without the
// statements that do: that it fails is mostly why the database is dirty.
func (e *examiner) arrive(ctx context.Context, p *player, c *corridor) error {
	f, err := e.file(uint64(e.mark), migrate.Up)
	if err != nil {
		return err
	}
	var broken *brokenError
	m := manner{look: e.lookAt(migrate.Up)}
	up, err := p.play(ctx, f, m)
	if errors.As(err, &broken) {
		m.tolerant = true
		up, err = p.play(ctx, f, m)
	}
	if err != nil {
		return err
	}
	c.arrival.up = up
	c.at = &level{version: e.mark, schema: up.after}
	return nil
}

// depart plays the next version's files, up and down. Where they do not run they cannot
// be compared with, which is said; without a down file nobody was on the way down.
func (e *examiner) depart(ctx context.Context, p *player, c *corridor) error {
	if _, ok := e.Source.Down(*e.after); !ok {
		return nil
	}
	up, err := e.file(*e.after, migrate.Up)
	if err == nil {
		_, err = e.file(*e.after, migrate.Down)
	}
	if err == nil {
		c.departure.up, err = p.play(ctx, up, manner{look: e.lookAt(migrate.Down)})
	}
	var why *unknowable
	var broken *brokenError
	switch {
	case errors.As(err, &why):
		c.unseen = why.Error()
		return nil
	case errors.As(err, &broken):
		c.unseen = broken.Error()
		_, err := e.back(ctx, p, *e.after, migrate.Down) // what a file outside a transaction left
		return err
	case err != nil:
		return err
	}
	c.after = &level{version: int64(*e.after), schema: c.departure.up.after}
	c.departure.down, err = e.back(ctx, p, *e.after, migrate.Down)
	return err
}

// back plays a down file as far as it goes; nil where there is none. It belongs to the
// stretch of the file that went in that direction.
func (e *examiner) back(ctx context.Context, p *player, v uint64, stretch migrate.Direction) (*played, error) {
	f, err := e.file(v, migrate.Down)
	if err != nil {
		return nil, nil //nolint:nilerr // then there is nothing to undo it with, which the finding says
	}
	return p.play(ctx, f, manner{look: e.lookAt(stretch), tolerant: true})
}

// lookAt is how closely a stretch is looked at.
func (e *examiner) lookAt(stretch migrate.Direction) looking {
	if e.close == stretch {
		return statements
	}
	return ends
}
