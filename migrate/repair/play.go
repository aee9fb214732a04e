package repair

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// playLimit bounds one statement on a scratch database, which has no rows but those the
// files put there.
const playLimit = 10 * time.Minute

// player runs files on a scratch database.
type player struct {
	conn *pgx.Conn
	path string // the search_path every file begins with
}

// newPlayer connects. The session finds tables as the target's does, in a schema that
// was there before the first file: the version table stands in it.
func (e *examiner) newPlayer(ctx context.Context, t config.Target) (*player, error) {
	conn, err := pg.Connect(ctx, t, pg.ConnOptions{Application: e.Application, StatementTimeout: playLimit, LockTimeout: time.Minute})
	if err != nil {
		return nil, err
	}
	p := &player{conn: conn, path: e.path}
	if err := p.prepare(ctx, e.State.Schema); err != nil {
		p.close(ctx)
		return nil, err
	}
	return p, nil
}

// prepare makes the schema of the version table where it is not there. The error is an
// *unknowable for a role that may make nothing in it: no file could be run.
func (p *player) prepare(ctx context.Context, schema string) error {
	var there, may bool
	var role, owner string
	err := p.conn.QueryRow(ctx, `
		SELECT to_regnamespace(quote_ident($1)) IS NOT NULL, current_user::text, d.datdba::regrole::text,
		       coalesce(has_schema_privilege(to_regnamespace(quote_ident($1)), 'CREATE'), has_database_privilege(d.oid, 'CREATE'))
		  FROM pg_catalog.pg_database d WHERE d.datname = current_database()`, schema).Scan(&there, &role, &owner, &may)
	if err == nil && !may {
		return &unknowable{fmt.Sprintf("the role %s may create nothing in schema %s of a scratch database made like this one; run this as its owner, %s", role, schema, owner)}
	}
	if err == nil && !there {
		err = p.send(ctx, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("preparing a scratch database: %w", pg.Cause(ctx, err))
	}
	return nil
}

// fresh gives the next file a session as a run of its own would.
func (p *player) fresh(ctx context.Context) error {
	err := p.send(ctx, "DISCARD ALL")
	if err == nil {
		_, err = p.conn.Exec(ctx, "SELECT pg_catalog.set_config('search_path', $1, false)", p.path)
	}
	if err != nil {
		return fmt.Errorf("preparing a scratch database: %w", pg.Cause(ctx, err))
	}
	return nil
}

func (p *player) close(ctx context.Context) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = p.conn.Close(limited) // the server ends the session either way
}

func (p *player) snapshot(ctx context.Context) (*pg.Snapshot, error) {
	return pg.TakeSnapshot(ctx, p.conn, pg.SnapshotOptions{})
}

// looking is where snapshots are taken while a file is played.
type looking int

const (
	nowhere looking = iota
	// ends are the file's beginning and its end, statements also behind each of them.
	ends
	statements
)

// manner is how a file is played.
type manner struct {
	look looking
	// tolerant goes on behind a statement that fails.
	tolerant bool
}

// played is what a file did, statement by statement.
type played struct {
	file migrate.File
	look looking
	// before and after are nil unless it was looked at.
	before, after *pg.Snapshot
	steps         []step
}

// step is a statement that was played.
type step struct {
	statement sqlscan.Statement
	changes   []pg.Change // flattened
	// failed is why it could not be run, skipped why it was not.
	failed  *pg.ScriptError
	skipped string
}

// brokenError is a file that cannot be played: one of its statements fails.
type brokenError struct{ at *pg.ScriptError }

func (b *brokenError) Error() string { return b.at.Error() }

// play runs the file in one transaction, where that can be, as a single query would.
// The error is a *brokenError when a statement fails and the manner is not tolerant.
func (p *player) play(ctx context.Context, f migrate.File, m manner) (*played, error) {
	whole := f.Transactional
	for _, st := range f.Statements {
		whole = whole && !st.ControlsTransaction()
	}
	done, err := p.playOnce(ctx, f, m, whole)
	var broken *brokenError
	if whole && errors.As(err, &broken) && needsNoTransaction(broken.at.PgError) {
		return p.playOnce(ctx, f, m, false) // a procedure that commits: only the server knows
	}
	return done, err
}

// needsNoTransaction: active_sql_transaction, invalid_transaction_termination.
func needsNoTransaction(err *pgconn.PgError) bool { return err.Code == "25001" || err.Code == "2D000" }

func (p *player) playOnce(ctx context.Context, f migrate.File, m manner, whole bool) (*played, error) {
	done := &played{file: f, look: m.look}
	err := p.fresh(ctx)
	if err != nil {
		return nil, err
	}
	if m.look != nowhere {
		if done.before, err = p.snapshot(ctx); err != nil {
			return nil, err
		}
		done.after = done.before
	}
	if whole {
		if err := p.send(ctx, "BEGIN"); err != nil {
			return nil, err
		}
	}
	for _, st := range f.Statements {
		if err = p.statement(ctx, done, st, m); err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err() // the session ends with what it has open
	}
	if status := p.conn.PgConn().TxStatus(); status != 'I' {
		end := "COMMIT"
		if err != nil {
			end = "ROLLBACK"
		}
		err = errors.Join(err, p.send(ctx, end))
	}
	if err == nil && m.look == ends {
		done.after, err = p.snapshot(ctx)
	}
	if err != nil {
		return nil, err
	}
	return done, nil
}

// statement plays one, and notes what it changed.
func (p *player) statement(ctx context.Context, done *played, st sqlscan.Statement, m manner) error {
	s := step{statement: st, skipped: wholeServer(st)}
	if s.skipped == "" {
		err := p.run(ctx, st, m.tolerant)
		var refused *pgconn.PgError
		switch {
		case err == nil:
		case ctx.Err() != nil || !errors.As(err, &refused):
			return pg.Cause(ctx, err)
		default:
			s.failed = pg.LocateError(done.file.FileName, done.file.Body, st.Start, refused)
			if !m.tolerant || needsNoTransaction(refused) && p.conn.PgConn().TxStatus() == 'T' {
				return &brokenError{s.failed}
			}
		}
	}
	if m.look == statements && s.skipped == "" && s.failed == nil && mayChangeSchema(st) {
		now, err := p.snapshot(ctx)
		if err != nil {
			return err
		}
		s.changes = pg.Flatten(pg.Diff(done.after, now))
		done.after = now
	}
	done.steps = append(done.steps, s)
	return nil
}

// run sends a statement. In a transaction a tolerant one stands behind a savepoint.
func (p *player) run(ctx context.Context, st sqlscan.Statement, tolerant bool) error {
	guarded := tolerant && p.conn.PgConn().TxStatus() == 'T' && !st.ControlsTransaction()
	if guarded {
		if err := p.send(ctx, "SAVEPOINT clipperops_repair"); err != nil {
			return err
		}
	}
	var err error
	if st.HasRows {
		_, err = p.conn.PgConn().CopyFrom(ctx, strings.NewReader(st.Rows), st.Command)
	} else {
		err = p.send(ctx, st.Command)
	}
	if !guarded || p.conn.IsClosed() {
		return err
	}
	end := "RELEASE SAVEPOINT clipperops_repair"
	if err != nil {
		end = "ROLLBACK TO SAVEPOINT clipperops_repair;" + end
	}
	return errors.Join(err, p.send(ctx, end))
}

func (p *player) send(ctx context.Context, sql string) error {
	return p.conn.PgConn().Exec(ctx, sql).Close()
}
