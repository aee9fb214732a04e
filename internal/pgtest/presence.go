package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/clipper/clipperops/internal/config"
	"github.com/jackc/pgx/v5"
)

// prefix begins the name of everything this package makes on a server.
const prefix = "clipperops_test_"

// owner begins the names of what this process makes: the process, and something
// random, because processes of several machines may share a server.
var owner = fmt.Sprintf("%s%d_%s", prefix, os.Getpid(), strings.ToLower(rand.Text()[:8]))

var made atomic.Int64

// name returns a name nobody else has: clipperops_test_<pid>_<random>_<kind><number>.
func name(kind string) string { return fmt.Sprintf("%s_%s%d", owner, kind, made.Add(1)) }

// announce holds an advisory lock of this process's name for as long as it
// lives, by which others see that what is called so is still in use. Then it
// drops what processes have left that live no more. The connection is the
// presence: it must stay referred to.
func announce(ctx context.Context, server config.Target) (*pgx.Conn, error) {
	conn, err := dialAs(ctx, server, "pgtest presence")
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", server, err)
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", owner); err != nil {
		return nil, err
	}
	return conn, sweep(ctx, conn)
}

// leftovers are the databases and roles that are called as this package's are,
// databases first: a role that owns one cannot be dropped.
const leftovers = `SELECT statement, owner FROM (
	SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', datname) AS statement, datname AS name, 1 AS turn FROM pg_database
	UNION ALL
	SELECT format('DROP ROLE IF EXISTS %I', rolname), rolname, 2 FROM pg_roles
) everything, substring(name FROM '^clipperops_test_[0-9]+_[a-z0-9]+') AS owner
WHERE owner IS NOT NULL
ORDER BY turn`

func sweep(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, leftovers)
	if err != nil {
		return err
	}
	type leftover struct{ Statement, Owner string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[leftover])
	if err != nil {
		return err
	}
	dead := make(map[string]bool)
	for _, it := range found {
		if it.Owner == owner {
			continue
		}
		if _, asked := dead[it.Owner]; !asked {
			var free bool
			if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", it.Owner).Scan(&free); err != nil {
				return err
			}
			dead[it.Owner] = free
		}
		if dead[it.Owner] {
			_, _ = conn.Exec(ctx, it.Statement) // another sweep may be at it; what stays is the next one's
		}
	}
	for name, locked := range dead {
		if !locked {
			continue
		}
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", name); err != nil {
			return err
		}
	}
	return nil
}
