package backup

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

const (
	// unfinishedSuffix ends the name a database has until it is complete and
	// compared, so that a run that was killed leaves nothing of the name asked for.
	unfinishedSuffix = "_unfinished"
	// unfinishedComment marks it as ours, to be dropped by the next run.
	unfinishedComment = "unfinished restore by clipperops"
	// publishTimeout leaves the server time for its own lock_timeout.
	publishTimeout = 2 * defaultLockWait
)

// restoring is a database being restored, and the connection it is made from.
type restoring struct {
	o      RestoreOptions
	conn   *pgx.Conn
	server pg.Server
	// work is the database under its unfinished name.
	work    config.Target
	created bool
}

// openServer connects to a database of the server and makes sure that the new
// one can be made.
func openServer(ctx context.Context, o RestoreOptions, m *Manifest) (*restoring, error) {
	conn, err := connectMaintenance(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &restoring{o: o, conn: conn, work: o.Into.WithDatabase(unfinishedName(o.Into.Database))}
	if err := s.check(ctx, m); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

// unfinishedName is the name a database has while it is being restored.
func unfinishedName(name string) string {
	// A cut may fall into the middle of a character.
	return strings.ToValidUTF8(name[:min(len(name), maxDatabaseName-len(unfinishedSuffix))], "") + unfinishedSuffix
}

// Server tells what the server is that a restore would work on, before anything
// else is known of it. The database to make need not exist, nor any other but
// those that every server has.
func Server(ctx context.Context, o RestoreOptions) (pg.Server, error) {
	conn, err := connectMaintenance(ctx, o)
	if err != nil {
		return pg.Server{}, err
	}
	defer func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		_ = conn.Close(limited) // it only read
	}()
	return pg.Describe(ctx, conn)
}

func connectMaintenance(ctx context.Context, o RestoreOptions) (*pgx.Conn, error) {
	names := []string{"postgres", "template1"}
	if o.Maintenance != "" {
		names = []string{o.Maintenance}
	}
	return pg.ConnectAny(ctx, o.Into, pg.ConnOptions{Application: o.Application, LockTimeout: defaultLockWait}, names...)
}

// check refuses what cannot end well before anything is made.
func (s *restoring) check(ctx context.Context, m *Manifest) error {
	if err := pg.RequireDirect(ctx, s.conn); err != nil {
		return err
	}
	var err error
	if s.server, err = pg.Describe(ctx, s.conn); err != nil {
		return err
	}
	if err := tooOld(s.server, m); err != nil {
		return err
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	if taken, _, err := pg.FindDatabase(ctx, s.conn, s.o.Into.Database); err != nil || taken {
		return s.refuse(err, s.o.Into.Database)
	}
	return s.clearUnfinished(ctx)
}

// lock keeps another restore from the same name, until the connection ends.
func (s *restoring) lock(ctx context.Context) error {
	h := fnv.New64a()
	_, _ = h.Write([]byte("clipperops restore " + s.work.Database)) // never fails
	var got bool
	if err := s.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(h.Sum64())).Scan(&got); err != nil {
		return pg.Cause(ctx, err)
	}
	if !got {
		return &ops.Failure{
			Code: ops.ExitBusy, What: "another restore into " + s.o.Into.Database + " is going on",
			State: []string{"nothing was touched"}, Next: []string{"wait for it, or choose another name"},
		}
	}
	return nil
}

func (s *restoring) refuse(err error, name string) error {
	if err != nil {
		return err
	}
	return &ops.Failure{
		Code:  ops.ExitRefused,
		What:  "the database " + name + " exists already",
		State: []string{"nothing was touched"},
		Next:  []string{"choose a name that is free, or drop it yourself: DROP DATABASE " + pgx.Identifier{name}.Sanitize() + ";"},
	}
}

// clearUnfinished drops what a killed run left under the unfinished name.
func (s *restoring) clearUnfinished(ctx context.Context) error {
	found, comment, err := pg.FindDatabase(ctx, s.conn, s.work.Database)
	if err != nil || !found {
		return err
	}
	if !strings.HasPrefix(comment, unfinishedComment) {
		// Killed between making it and marking it, perhaps.
		if ours, err := pg.BareDatabase(ctx, s.conn, s.o.Into, s.work.Database, s.o.Application); err != nil || !ours {
			return s.refuse(err, s.work.Database)
		}
	}
	s.created = true
	return s.drop(ctx)
}

// create makes the empty database under its unfinished name.
func (s *restoring) create(ctx context.Context, l pg.Locale) error {
	if _, err := s.conn.Exec(ctx, l.CreateDatabase(s.work.Database, s.server.Major())); err != nil {
		// A cancelled CREATE DATABASE may have come through.
		if found, _, seen := pg.FindDatabase(context.WithoutCancel(ctx), s.conn, s.work.Database); seen == nil && found && ctx.Err() != nil {
			s.created = true
			_ = s.drop(ctx) // the cancellation is what is reported
		}
		return &createError{cause: pg.Cause(ctx, err), locale: l}
	}
	s.created = true
	err := pg.CommentDatabase(ctx, s.conn, s.work.Database, unfinishedComment+" since "+time.Now().UTC().Format(time.RFC3339))
	if err != nil {
		return errors.Join(err, s.drop(ctx))
	}
	return nil
}

// publish gives the complete database its name. The mark goes in the same
// transaction: a run that is killed here leaves the one or the other, never a
// database of the unfinished name that is not known for ours. It is not
// interrupted any more, so that what is said of its outcome is true.
func (s *restoring) publish(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	err := pgx.BeginFunc(limited, s.conn, func(tx pgx.Tx) error {
		for _, sql := range []string{
			"COMMENT ON DATABASE " + s.name() + " IS NULL",
			"ALTER DATABASE " + s.name() + " RENAME TO " + pgx.Identifier{s.o.Into.Database}.Sanitize(),
		} {
			if _, err := tx.Exec(limited, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("naming the restored database: %w", pg.Cause(limited, err))
	}
	return nil
}

// drop removes the unfinished database with whoever is still in it, even after
// a cancellation.
func (s *restoring) drop(ctx context.Context) error {
	if !s.created {
		return nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := pg.DropDatabase(limited, s.conn, s.work.Database); err != nil {
		return &leftError{database: s.work.Database, cause: err}
	}
	s.created = false
	return nil
}

func (s *restoring) name() string { return pgx.Identifier{s.work.Database}.Sanitize() }

func (s *restoring) close(ctx context.Context) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	_ = s.conn.Close(limited) // everything of it is done
}
