package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clipper/clipperops/migrate"
)

// derive makes the corridor on a clone of the database, for a chain that cannot be run
// from nothing: the down files are run there, whatever of them fails, which is to leave
// the version before the mark; then up and down again. Only where that leads back to the
// same schema is it believed. The error is an *unknowable where it does not.
func (e *examiner) derive(ctx context.Context) (*corridor, error) {
	if e.Clone == nil {
		return nil, nil
	}
	c, err := e.deriveOver(ctx, e.after != nil)
	var why *unknowable
	if e.after == nil || e.mark < 0 || err == nil && c.unseen == "" || err != nil && !errors.As(err, &why) {
		return c, err
	}
	unseen := fmt.Sprintf("the files of version %d do not lead back to where they began", *e.after)
	if c != nil {
		unseen = c.unseen
	}
	if c, err = e.deriveOver(ctx, false); c != nil {
		c.unseen = unseen
	}
	return c, err
}

// deriveOver derives with the version after the mark, or without it.
func (e *examiner) deriveOver(ctx context.Context, further bool) (c *corridor, err error) {
	err = e.on(ctx, e.Clone, func(p *player) error {
		if err := e.descend(ctx, p, further); err != nil {
			return err
		}
		if c, err = e.walk(ctx, p, further); err != nil {
			return err
		}
		return c.fixed()
	})
	if err != nil {
		return nil, err
	}
	c.derived = true
	c.how = "derived on a clone of the database: down as far as it goes, up, and down to the same schema again"
	return c, nil
}

// descend runs the down files on the clone, going on behind whatever fails.
func (e *examiner) descend(ctx context.Context, p *player, further bool) error {
	var versions []uint64
	if further {
		versions = append(versions, *e.after)
	}
	if e.mark >= 0 {
		versions = append(versions, uint64(e.mark))
	}
	for i, v := range versions {
		f, err := e.file(v, migrate.Down)
		if err != nil && further && i == 0 {
			continue // nobody can have been on the way down with it
		}
		if err != nil {
			return err
		}
		if _, err := p.play(ctx, f, manner{tolerant: true}); err != nil {
			return err
		}
	}
	return nil
}

// duplicates are the server's codes for something that is there already: a schema, a
// table, a column, a function, another object.
var duplicates = []string{"42P06", "42P07", "42701", "42723", "42710"}

// fixed is nil when the way down led to the same schema twice, and nothing was left there
// of what the file makes.
func (c *corridor) fixed() error {
	differs := func(v int64) error {
		return &unknowable{fmt.Sprintf("on a clone, the down file of version %d does not lead back to the schema it was applied to", v)}
	}
	for _, s := range c.broken() {
		if slices.Contains(duplicates, s.failed.PgError.Code) {
			return differs(c.at.version)
		}
	}
	if c.after != nil && (c.departure.down == nil || !c.departure.down.after.Equal(c.at.schema)) {
		return differs(c.after.version)
	}
	if c.before != nil && (c.arrival.down == nil || !c.arrival.down.after.Equal(c.before.schema)) {
		return differs(c.at.version)
	}
	return nil
}
