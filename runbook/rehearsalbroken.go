package runbook

import (
	"context"
	"errors"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// answersWithin is how long a server may take to say that it is there.
const answersWithin = 5 * time.Second

// brokenOff is the error of a rehearsal that could not be carried out. Where the clone's
// server is gone that is all there is to know: the messages of its end frighten, and what
// they leave open is only what became of the clone.
func (f *flow) brokenOff(ctx context.Context, clone *pg.Clone, err error) error {
	limited, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	conn, gone := pg.Connect(limited, clone.Target, pg.ConnOptions{Application: f.application("rehearse")})
	if gone == nil {
		_ = conn.Close(limited) // nothing was left open on it
		return nothingChanged(err)
	}
	during := "on " + clone.Place
	var file *migrate.FileError
	if errors.As(err, &file) {
		during = "while " + file.File.FileName + " ran on the clone, " + during
	}
	return &ops.Failure{
		What:   "the server went away during the rehearsal",
		Detail: []string{during},
		State:  []string{"nothing was changed"},
		Next:   []string{"when the server is back, the same command again: it drops what is left of the clone"},
		Err:    err,
	}
}
