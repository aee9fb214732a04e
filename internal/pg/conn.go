package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/clipper/clipperops/internal/config"
)

const (
	// cancelGrace is how long a cancelled query may take to come back before the
	// connection is given up.
	cancelGrace = 5 * time.Second
	// maxNameBytes is NAMEDATALEN - 1: the server cuts longer names by itself,
	// in the middle of a character.
	maxNameBytes = 63
)

// keepAlive lets a peer that vanished without a word be noticed in half a
// minute instead of the two hours of most kernels.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// ConnOptions says how a connection behaves. Every timeout is the server's own
// and is always stated, so that no setting of a role or database slips in: zero
// means none.
type ConnOptions struct {
	// Application is what others see in pg_stat_activity, e.g.
	// "clipperops migrate (alice@ops1)"; it is cut to 63 bytes.
	Application string
	// StatementTimeout, LockTimeout and IdleInTransaction end a statement, a wait
	// for a lock and a transaction nobody talks to.
	StatementTimeout  time.Duration
	LockTimeout       time.Duration
	IdleInTransaction time.Duration
	// ReadOnly makes every transaction read-only unless it says otherwise.
	ReadOnly bool
}

// Connect opens a connection to the target. When ctx is cancelled during a query
// the server is asked to cancel it and the connection stays usable, unless the
// server does not answer within five seconds; see Cause for the error that leaves.
// A connection that cannot be made is a *ops.Failure around a *ConnectError.
func Connect(ctx context.Context, t config.Target, o ConnOptions) (*pgx.Conn, error) {
	return connect(ctx, t, o, func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelGrace}
	})
}

// ConnConfig is how Connect connects, for those who connect by themselves.
func ConnConfig(t config.Target, o ConnOptions) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(t.ConnString())
	if err != nil {
		// A parse error carries the connection string, and with it the password.
		return nil, newConnectError(t, errors.New("the connection settings cannot be parsed"))
	}
	c.DialFunc = (&net.Dialer{Timeout: c.ConnectTimeout, KeepAliveConfig: keepAlive}).DialContext
	// A migration changes tables under our feet; a cached plan or row
	// description would then fail with "cached plan must not change result type".
	c.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	for name, value := range o.parameters() {
		c.RuntimeParams[name] = value
	}
	return c, nil
}

func connect(ctx context.Context, t config.Target, o ConnOptions, watch func(*pgconn.PgConn) ctxwatch.Handler) (*pgx.Conn, error) {
	c, err := ConnConfig(t, o)
	if err != nil {
		return nil, err
	}
	c.BuildContextWatcherHandler = watch
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
			return nil, fmt.Errorf("connecting to %s: %w", t, ctx.Err())
		}
		return nil, newConnectError(t, err)
	}
	if err := steady(ctx, conn); err != nil {
		closeQuietly(ctx, conn)
		return nil, newConnectError(t, err)
	}
	return conn, nil
}

// parameters are the settings sent in the startup message, which is earlier and
// cheaper than SET.
func (o ConnOptions) parameters() map[string]string {
	p := map[string]string{
		"statement_timeout":                   milliseconds(o.StatementTimeout),
		"lock_timeout":                        milliseconds(o.LockTimeout),
		"idle_in_transaction_session_timeout": milliseconds(o.IdleInTransaction),
		// The server's side of keepAlive: a lock held by a laptop that lost its
		// network is released after a minute.
		"tcp_keepalives_idle":     "30",
		"tcp_keepalives_interval": "10",
		"tcp_keepalives_count":    "3",
		"application_name":        applicationName(o.Application),
	}
	if o.ReadOnly {
		p["default_transaction_read_only"] = "on"
	}
	return p
}

// steady turns off the timeouts that older servers do not know and would refuse
// in a startup message, and asks the server to notice a killed client even in
// the middle of a long statement.
func steady(ctx context.Context, conn *pgx.Conn) error {
	major := majorOf(conn.PgConn().ParameterStatus("server_version"))
	if major < 14 {
		return nil
	}
	required := "SET idle_session_timeout = 0;"
	if major >= 17 {
		required += "SET transaction_timeout = 0;"
	}
	err := conn.PgConn().Exec(ctx, required+"SET client_connection_check_interval = 2000").Close()
	var refused *pgconn.PgError
	if errors.As(err, &refused) { // not every operating system can check the connection
		err = conn.PgConn().Exec(ctx, required).Close()
	}
	return err
}

// Cause puts the context's own error in front of what a cancelled query answers
// ("canceling statement due to user request"), so that errors.Is finds
// context.Canceled. Errors of a context that is not done are returned as they are.
func Cause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// closeQuietly ends a connection that is of no more use, even when ctx is done.
func closeQuietly(ctx context.Context, conn *pgx.Conn) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
	defer cancel()
	_ = conn.Close(limited) // the server ends the session either way
}

func milliseconds(d time.Duration) string {
	if d > 0 && d < time.Millisecond {
		d = time.Millisecond // zero would mean none
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}

// applicationName cuts a name to what the server keeps, at a character's edge.
func applicationName(name string) string {
	if name == "" {
		name = "clipperops"
	}
	for len(name) > maxNameBytes {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}
