package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Channel is where changes are told.
const Channel = "clipperops_feature_flags"

// patience is how long one question to the database may take.
const patience = 5 * time.Second

// Store is the flags of a database. Load and Write connect for themselves; Watch
// keeps one connection of its own.
type Store struct {
	config *pgx.ConnConfig
	poll   time.Duration
}

// Open is the store in the database that the configuration names. It does not
// connect yet.
func Open(config *pgx.ConnConfig) *Store {
	return &Store{config: config, poll: 30 * time.Second}
}

// Poll sets how often the table is read although nothing was told; default 30 s.
func (s *Store) Poll(every time.Duration) *Store {
	c := *s
	c.poll = every
	return &c
}

// String names the store without its password.
func (s *Store) String() string {
	return fmt.Sprintf("postgres %s:%d/%s", s.config.Host, s.config.Port, s.config.Database)
}

func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the flags' database: %w", err)
	}
	return conn, nil
}

// part ends a connection, also when ctx has ended.
func part(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// Load reads all flags.
func (s *Store) Load(ctx context.Context) (featureflag.State, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer part(ctx, conn)
	return read(ctx, conn)
}

const columns = `key, enabled, (percentage * 100)::int, enabled_users, version, updated_by`

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func read(ctx context.Context, conn querier) (featureflag.State, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := conn.Query(ctx, `SELECT `+columns+` FROM clipperops.feature_flags`)
	if err != nil {
		return nil, explain(err)
	}
	state := featureflag.State{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		f, _, err := scan(row)
		state[f.Key] = f
		return struct{}{}, err
	})
	if err != nil {
		return nil, explain(err)
	}
	return state, nil
}

func scan(row pgx.Row) (f featureflag.Flag, by string, err error) {
	var key string
	var enabled bool
	var hundredths int
	var users []string
	var version int64
	if err := row.Scan(&key, &enabled, &hundredths, &users, &version, &by); err != nil {
		return featureflag.Flag{}, "", err
	}
	if hundredths < 0 || hundredths > int(featureflag.Everybody) {
		return featureflag.Flag{}, by, fmt.Errorf("flag %s: its percentage is not within 0 and 100", key)
	}
	f, err = featureflag.New(key, enabled, featureflag.Percentage(hundredths), users)
	return f.At(version), by, err
}

// explain says what to type when the table is missing.
func explain(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) && (server.Code == "42P01" || server.Code == "3F000") {
		return fmt.Errorf("there is no table clipperops.feature_flags: moderation-api setup makes it (%w)", err)
	}
	return fmt.Errorf("reading the flags: %w", err)
}
