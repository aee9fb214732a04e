package migrate

import (
	"context"
	"errors"
	"time"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/jackc/pgx/v5"
)

const (
	// reconnectPause is the first pause between two attempts to reach the server;
	// each is twice as long as the one before, up to reconnectMost.
	reconnectPause = 100 * time.Millisecond
	reconnectMost  = 2 * time.Second
	// sessionGrace is how long our own old session may take to end by itself.
	sessionGrace = 500 * time.Millisecond
	sessionPoll  = 25 * time.Millisecond
)

// truth asks the database where it stands, over a new connection and after our own
// session has ended: until then a COMMIT may still be under way. It does so also
// when ctx is done, for as long as ReconnectFor.
func (e *engine) truth(ctx context.Context) (State, error) {
	pid := e.conn.PgConn().PID()
	closeConn(ctx, e.conn)
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.o.ReconnectFor)
	defer cancel()
	var failed error
	for pause := reconnectPause; ; pause = min(2*pause, reconnectMost) {
		state, err := e.ask(limited, pid)
		if err == nil {
			return state, nil
		}
		if limited.Err() == nil {
			failed = err // rather than "context deadline exceeded"
		}
		select {
		case <-limited.Done():
			if failed == nil {
				failed = err
			}
			return e.applied.State, failed
		case <-time.After(pause):
		}
	}
}

// ask reads the state over a connection of its own, once session pid is gone.
func (e *engine) ask(ctx context.Context, pid uint32) (State, error) {
	conn, err := pg.Connect(ctx, e.target, pg.ConnOptions{Application: e.o.Application, StatementTimeout: cleanUp, ReadOnly: true})
	if err != nil {
		return State{}, err
	}
	defer closeConn(ctx, conn)
	if err := e.sessionEnds(ctx, conn, pid); err != nil {
		return State{}, err
	}
	if _, err := simple(ctx, conn, "RESET ROLE"); err != nil {
		return State{}, err
	}
	return ReadState(ctx, conn)
}

// sessionEnds waits until our old session is gone. One that does not notice that we
// are gone, in the middle of a long statement or waiting for a standby, is ended:
// nobody will ever read its answer.
func (e *engine) sessionEnds(ctx context.Context, conn *pgx.Conn, pid uint32) error {
	if _, err := simple(ctx, conn, "SET ROLE NONE"); err != nil {
		return err
	}
	ended := false
	for started := time.Now(); ; {
		var there bool
		err := conn.QueryRow(ctx,
			"SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE pid = $1::int AND "+beganSQL+" = $2)", int32(pid), e.began).Scan(&there)
		if err != nil || !there {
			return err
		}
		if !ended && time.Since(started) > sessionGrace {
			ended = true
			if _, err := conn.Exec(ctx, "SELECT pg_catalog.pg_terminate_backend($1::int)", int32(pid)); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the session that was lost does not end")
		case <-time.After(sessionPoll):
		}
	}
}
