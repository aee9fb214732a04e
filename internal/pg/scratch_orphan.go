package pg

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// judgeClients says who is in a scratch database that nobody holds the lock of. A live
// run holds it, so what is called clipperops there, and is our role's, is what the server
// still runs of a dead one: it notices a lost client only when it next writes.
func (s *Scratch) judgeClients(ctx context.Context, conn *pgx.Conn) error {
	s.Orphaned = s.mayDrop
	var pids []string
	for _, c := range s.clients {
		s.Orphaned = s.Orphaned && c.User == conn.Config().User && strings.HasPrefix(c.Application, "clipperops")
		pids = append(pids, fmt.Sprintf("pg_terminate_backend(%d)", c.PID))
	}
	s.Fix = "SELECT " + strings.Join(pids, ", ") + ";"
	what, who := "a client is", s.clients[0].inline()
	if s.Orphaned {
		what = "what a killed run began is"
	}
	switch n := len(s.clients); {
	case n > 1 && s.Orphaned:
		who = fmt.Sprintf("%s, and %d more", who, n-1)
	case n > 1:
		what, who = fmt.Sprintf("%d clients are", n), "the first: "+who
	}
	if s.Orphaned {
		s.Why = what + " still running in it: " + who
	} else {
		s.Why = what + " connected to it: " + who
	}
	return ctx.Err()
}

// endOrphans ends the sessions of a killed run in a scratch database, should they still
// be the same ones, and waits for nobody: dropping it does.
func (s *Scratch) endOrphans(ctx context.Context, conn *pgx.Conn) error {
	for _, c := range s.clients {
		var ended bool
		err := conn.QueryRow(ctx, `
			SELECT coalesce((SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
			                  WHERE pid = $1 AND backend_start = $2 AND datname = $3), false)`, c.PID, c.Began, s.Name).Scan(&ended)
		if err != nil {
			return fmt.Errorf("what a killed run began in it could not be ended: %w", Cause(ctx, err))
		}
		if ended {
			s.Ended = append(s.Ended, c.inline())
		}
	}
	return nil
}
