package repair

import (
	"context"
	"errors"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
)

// try runs the scripts of a finding on clones of the database, as far as they decide
// everything themselves: what is offered has then led where it says.
func (e *examiner) try(ctx context.Context, f *Finding, c *corridor) error {
	if e.Clone == nil {
		return nil
	}
	for _, s := range []*Script{f.Upward, f.Downward} {
		if s == nil || !s.complete {
			continue
		}
		for _, at := range c.levels() {
			if at.version == s.Version {
				if err := e.tryOne(ctx, s, at, newLens(e.target, c)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (e *examiner) tryOne(ctx context.Context, s *Script, at *level, l *lens) error {
	file := migrate.File{FileName: "the script", Body: s.SQL}
	var err error
	if file.Statements, err = sqlscan.Split(s.SQL); err != nil {
		return err
	}
	err = e.on(ctx, e.Clone, func(p *player) error {
		e.addInvalid(ctx, p)
		if _, err := p.play(ctx, file, manner{}); err != nil {
			return err
		}
		reached, err := p.snapshot(ctx)
		if err != nil {
			return err
		}
		s.Tried = l.same(reached, at.schema)
		if !s.Tried {
			s.Failed = "it leads elsewhere than to " + VersionName(at.version)
		}
		return nil
	})
	var broken *brokenError
	var why *unknowable
	if errors.As(err, &broken) || errors.As(err, &why) {
		s.Failed = err.Error()
		return nil
	}
	return err
}

// addInvalid makes the database's INVALID indexes on a clone: pg_dump leaves them out, and
// a script that drops one would fail there. Without rows they are valid, which a DROP does
// not mind. One that cannot be made is then missed by the script, which is said.
func (e *examiner) addInvalid(ctx context.Context, p *player) {
	for _, i := range e.invalid {
		if i.Create != "" {
			_ = p.send(ctx, i.Create)
		}
	}
}
