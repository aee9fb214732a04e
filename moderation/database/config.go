package database

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says which database, and how much of it.
type Config struct {
	// URL is the connection string, as libpq understands it. It may hold a password
	// and is never logged.
	URL string
	// MaxConns is how many connections are open at most; default 10.
	MaxConns int32
	// Queue is how many may wait for a connection beside those who have one; who
	// comes after them is refused at once. Default 4 × MaxConns.
	Queue int
	// Timeout is how long one transaction may take, waiting for its connection
	// included; default 900 ms, so that a request hears within a second that the
	// database does not answer.
	Timeout time.Duration
}

// errURL says that the URL cannot be read, without repeating it.
var errURL = errors.New("the database URL cannot be understood; expected postgres://user@host:port/name, or libpq's key=value form")

func (c Config) withDefaults() Config {
	if c.MaxConns <= 0 {
		c.MaxConns = 10
	}
	if c.Queue <= 0 {
		c.Queue = 4 * int(c.MaxConns)
	}
	if c.Timeout <= 0 {
		c.Timeout = 900 * time.Millisecond
	}
	return c
}

// Validate says whether the configuration can be used, without trying.
func (c Config) Validate() error {
	_, err := c.withDefaults().pool()
	return err
}

// pool is the pgxpool's own configuration.
func (c Config) pool() (*pgxpool.Config, error) {
	p, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, errURL // pgx's own message can quote parts of it
	}
	p.MaxConns = c.MaxConns
	p.MaxConnIdleTime = 5 * time.Minute
	p.HealthCheckPeriod = 15 * time.Second
	p.PingTimeout = c.Timeout
	connect := p.ConnConfig
	connect.ConnectTimeout = c.Timeout
	connect.RuntimeParams["timezone"] = "UTC" // Clipper's columns are timestamps without zone, in UTC
	if connect.RuntimeParams["application_name"] == "" {
		connect.RuntimeParams["application_name"] = "moderation-api"
	}
	// A transaction that runs out of time is cancelled at the server, too; should the
	// server not hear even that, the connection is given up soon after.
	connect.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, CancelRequestDelay: 0, DeadlineDelay: 50 * time.Millisecond}
	}
	return p, nil
}

// Connection is the configuration of a single connection of one's own, outside
// the pool: for listening.
func (c Config) Connection(name string) (*pgx.ConnConfig, error) {
	p, err := c.withDefaults().pool()
	if err != nil {
		return nil, err
	}
	connection := p.ConnConfig.Copy()
	connection.ConnectTimeout = 5 * time.Second
	connection.RuntimeParams["application_name"] = name
	// A wait for a notification is cut short by time, and the connection lives on.
	connection.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn()}
	}
	return connection, nil
}

// String names the database without its password.
func (c Config) String() string {
	p, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return "an unreadable database URL"
	}
	return fmt.Sprintf("%s@%s:%d/%s", p.ConnConfig.User, p.ConnConfig.Host, p.ConnConfig.Port, p.ConnConfig.Database)
}
