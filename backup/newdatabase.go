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
	var first error
	for _, name := range names {
		conn, err := pg.Connect(ctx, o.Into.WithDatabase(name), pg.ConnOptions{Application: o.Application, LockTimeout: defaultLockWait})
		var refused *pg.ConnectError
		switch {
		case err == nil:
			return conn, nil
		case first == nil:
			first = err
		}
		if !errors.As(err, &refused) || (refused.Kind != pg.ConnectDatabase && refused.Kind != pg.ConnectNotAllowed) {
			break
		}
	}
	return nil, first
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
	if s.server.VersionNum/10000 < m.ServerVersionNum/10000 {
		return &ops.Failure{
			Code:  ops.ExitRefused,
			What:  fmt.Sprintf("the dump is of PostgreSQL %s, this server is %s", m.ServerVersion, s.server.Version),
			State: []string{"nothing was touched"},
			Next:  []string{fmt.Sprintf("restore into a server of version %d or newer", m.ServerVersionNum/10000)},
		}
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	if taken, _, err := s.lookUp(ctx, s.o.Into.Database); err != nil || taken {
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

// lookUp tells whether a database exists, and its comment.
func (s *restoring) lookUp(ctx context.Context, name string) (found bool, comment string, err error) {
	err = s.conn.QueryRow(ctx, `
		SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_database'), '') FROM pg_catalog.pg_database WHERE datname = $1`, name).Scan(&comment)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, "", nil
	}
	return err == nil, comment, pg.Cause(ctx, err)
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
	found, comment, err := s.lookUp(ctx, s.work.Database)
	if err != nil || !found {
		return err
	}
	if !strings.HasPrefix(comment, unfinishedComment) {
		// Killed between making it and marking it, perhaps.
		if ours, err := s.isBare(ctx, comment); err != nil || !ours {
			return s.refuse(err, s.work.Database)
		}
	}
	s.created = true
	return s.drop(ctx)
}

// isBare reports whether the database of the unfinished name is as CREATE
// DATABASE leaves it: our role's, without a comment, with nothing and nobody in it.
func (s *restoring) isBare(ctx context.Context, comment string) (bool, error) {
	var free bool
	err := s.conn.QueryRow(ctx, `
		SELECT pg_catalog.pg_get_userbyid(d.datdba) = current_user
		   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
		  FROM pg_catalog.pg_database d WHERE d.datname = $1`, s.work.Database).Scan(&free)
	if err != nil || !free || comment != "" {
		return false, pg.Cause(ctx, err)
	}
	conn, err := pg.Connect(ctx, s.work, pg.ConnOptions{Application: s.o.Application, ReadOnly: true})
	if err != nil {
		return false, err
	}
	defer func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		_ = conn.Close(limited) // it only read
	}()
	var bare bool
	// Objects that initdb made have lower numbers than anybody's later.
	err = conn.QueryRow(ctx, `
		SELECT NOT EXISTS (SELECT oid FROM pg_catalog.pg_class WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_type WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_proc WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_namespace WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_extension WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_largeobject_metadata)`).Scan(&bare)
	return bare, pg.Cause(ctx, err)
}

// create makes the empty database under its unfinished name.
func (s *restoring) create(ctx context.Context, l Locale) error {
	sql := l.createDatabase(s.work.Database, s.server.Major())
	if _, err := s.conn.Exec(ctx, sql); err != nil {
		// A cancelled CREATE DATABASE may have come through.
		if found, _, seen := s.lookUp(context.WithoutCancel(ctx), s.work.Database); seen == nil && found && ctx.Err() != nil {
			s.created = true
			_ = s.drop(ctx) // the cancellation is what is reported
		}
		return &createError{cause: pg.Cause(ctx, err), locale: l}
	}
	s.created = true
	_, err := s.conn.Exec(ctx, "COMMENT ON DATABASE "+s.name()+" IS "+literal(unfinishedComment+" since "+time.Now().UTC().Format(time.RFC3339)))
	if err != nil {
		return errors.Join(pg.Cause(ctx, err), s.drop(ctx))
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
	sql := "DROP DATABASE IF EXISTS " + s.name()
	if s.server.Major() >= 13 {
		sql += " WITH (FORCE)"
	} else if _, err := s.conn.Exec(limited, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", s.work.Database); err != nil {
		return fmt.Errorf("dropping the unfinished database %s: %w", s.work.Database, err)
	}
	if _, err := s.conn.Exec(limited, sql); err != nil {
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
