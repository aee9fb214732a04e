package pg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/config"
)

// ConnectAny connects to the first of the databases of t's server that can be
// had: those that are not there, or not for our role, are passed over. The error
// is that of the first.
func ConnectAny(ctx context.Context, t config.Target, o ConnOptions, databases ...string) (*pgx.Conn, error) {
	var first error
	for _, name := range databases {
		conn, err := Connect(ctx, t.WithDatabase(name), o)
		var refused *ConnectError
		switch {
		case err == nil:
			return conn, nil
		case first == nil:
			first = err
		}
		if !errors.As(err, &refused) || (refused.Kind != ConnectDatabase && refused.Kind != ConnectNotAllowed) {
			break
		}
	}
	return nil, first
}

// FindDatabase tells whether the server of conn has a database, and its comment.
func FindDatabase(ctx context.Context, conn *pgx.Conn, name string) (found bool, comment string, err error) {
	err = conn.QueryRow(ctx, `
		SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_database'), '') FROM pg_catalog.pg_database WHERE datname = $1`, name).Scan(&comment)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, "", nil
	}
	return err == nil, comment, Cause(ctx, err)
}

// CommentDatabase marks a database.
func CommentDatabase(ctx context.Context, conn *pgx.Conn, name, comment string) error {
	_, err := conn.Exec(ctx, "COMMENT ON DATABASE "+pgx.Identifier{name}.Sanitize()+" IS "+literal(comment))
	return Cause(ctx, err)
}

// BareDatabase reports whether a database is as CREATE DATABASE leaves it:
// without a comment, our role's, with nothing and nobody in it. conn is a
// connection to another database of the server t.
func BareDatabase(ctx context.Context, conn *pgx.Conn, t config.Target, name, application string) (bool, error) {
	var free bool
	err := conn.QueryRow(ctx, `
		SELECT pg_catalog.pg_get_userbyid(d.datdba) = current_user AND pg_catalog.shobj_description(d.oid, 'pg_database') IS NULL
		   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
		  FROM pg_catalog.pg_database d WHERE d.datname = $1`, name).Scan(&free)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil || !free {
		return false, Cause(ctx, err)
	}
	inside, err := Connect(ctx, t.WithDatabase(name), ConnOptions{Application: application, ReadOnly: true})
	if err != nil {
		return false, err
	}
	defer closeQuietly(ctx, inside)
	return IsEmpty(ctx, inside)
}

// IsEmpty reports whether there is nothing in the database of conn that initdb
// did not make: what came later has higher numbers.
func IsEmpty(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var empty bool
	err := conn.QueryRow(ctx, `
		SELECT NOT EXISTS (SELECT oid FROM pg_catalog.pg_class WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_type WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_proc WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_namespace WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_extension WHERE oid >= 16384
		             UNION SELECT oid FROM pg_catalog.pg_largeobject_metadata)`).Scan(&empty)
	return empty, Cause(ctx, err)
}

// sqlState is the server's code for an error, empty when it is not the server's.
func sqlState(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}
