package pg

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// dropTries bounds how often a database is tried to be dropped that somebody is in: the
// server itself waits five seconds each time.
const dropTries = 3

// DropDatabase drops a database with whoever is still in it that our role may end. One
// that is gone already is no error. The error does not repeat the database's name.
func DropDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	// Not WITH (FORCE): it refuses when there is somebody whom our role may not end, and
	// that is autovacuum too, which the server sends away itself for a plain DROP.
	var err error
	for range dropTries {
		if _, err = conn.Exec(ctx, endThoseInSQL, name); err != nil {
			break
		}
		_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize())
		if sqlState(err) != "55006" { // object_in_use
			break
		}
	}
	switch {
	case err == nil || sqlState(err) == "3D000":
		return nil
	case ctx.Err() != nil:
		return Cause(ctx, err)
	case sqlState(err) == "55006":
		if clients, asked := clientsOf(ctx, conn, name); asked == nil && len(clients) > 0 {
			return fmt.Errorf("%s is in it, and this role may not end that session: %w", clients[0].inline(), &unnamed{name, err})
		}
	}
	return &unnamed{name, err}
}

// endThoseInSQL ends the sessions in a database that our role may end.
const endThoseInSQL = `
SELECT pg_catalog.pg_terminate_backend(a.pid)
  FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
  JOIN pg_catalog.pg_roles me ON me.rolname = current_user
 WHERE a.datname = $1 AND a.pid <> pg_catalog.pg_backend_pid()
   AND (me.rolsuper OR NOT r.rolsuper AND (pg_catalog.pg_has_role(r.oid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')))`

// clientsOf are the sessions in a database other than our own, those of prepared
// transactions and of the server itself not among them.
func clientsOf(ctx context.Context, conn *pgx.Conn, database string) ([]Holder, error) {
	rows, err := conn.Query(ctx, `
		SELECT pid, coalesce(usename::text, ''), coalesce(application_name, ''), coalesce(state, ''), backend_start, state_change
		  FROM pg_catalog.pg_stat_activity
		 WHERE datname = $1 AND coalesce(backend_type, 'client backend') = 'client backend' AND usesysid IS NOT NULL
		   AND pid <> pg_catalog.pg_backend_pid()
		 ORDER BY backend_start NULLS LAST, pid`, database)
	if err != nil {
		return nil, fmt.Errorf("asking who is in %s: %w", database, Cause(ctx, err))
	}
	clients, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Holder, error) {
		h := Holder{Database: database}
		var began, since *time.Time
		err := row.Scan(&h.PID, &h.User, &h.Application, &h.State, &began, &since)
		h.Began, h.Since = moment(began), moment(since)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("asking who is in %s: %w", database, Cause(ctx, err))
	}
	return clients, nil
}

// unnamed is the server's error about a database whose name the reader has seen.
type unnamed struct {
	name string
	err  error
}

func (e *unnamed) Error() string {
	text := e.err.Error()
	var answer *pgconn.PgError
	if errors.As(e.err, &answer) && answer.Detail != "" {
		text += "; " + answer.Detail
	}
	return strings.NewReplacer(`database "`+e.name+`"`, "it", "database "+e.name, "it").Replace(text)
}

func (e *unnamed) Unwrap() error { return e.err }
