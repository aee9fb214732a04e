package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clipper/clipperops/moderation/problem"
)

// Pool is a pool of connections with a bounded queue in front of it. It is safe
// for use by many goroutines.
type Pool struct {
	pool    *pgxpool.Pool
	places  chan struct{} // one for everybody who has a connection or waits for one
	timeout time.Duration
}

// Open prepares a pool. It does not wait for the database: a service that starts
// while its database is away serves as soon as it is back. The error is about the
// configuration.
func Open(ctx context.Context, config Config) (*Pool, error) {
	config = config.withDefaults()
	settings, err := config.pool()
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("preparing the pool of connections to %s: %w", config, err)
	}
	return &Pool{pool: pool, places: make(chan struct{}, int(config.MaxConns)+config.Queue), timeout: config.Timeout}, nil
}

// Close ends all connections once they are given back.
func (p *Pool) Close() { p.pool.Close() }

// Read runs fn in a transaction that only reads. It ends when the client hangs up.
func (p *Pool) Read(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	return p.run(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly}, fn)
}

// Write runs fn in one transaction, which is committed when fn returns nil. Once
// begun it goes on to its end also when the client hangs up: what was asked for
// is done and recorded, whoever is still listening.
func (p *Pool) Write(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Said, because a server can have another default: who has waited for a lock must
	// see what was done under it.
	return p.run(context.WithoutCancel(ctx), pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, fn)
}

// Ping asks the server for a sign of life.
func (p *Pool) Ping(ctx context.Context) error {
	return p.Read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT 1")
		return err
	})
}

// Stat is how many connections there are, how many of them are in use, and how
// many requests have one or wait for one.
func (p *Pool) Stat() (open, used, present int) {
	s := p.pool.Stat()
	return int(s.TotalConns()), int(s.AcquiredConns()), len(p.places)
}

func (p *Pool) run(ctx context.Context, options pgx.TxOptions, fn func(context.Context, pgx.Tx) error) error {
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	default:
		return problem.New(problem.Unavailable, "too many requests are waiting for the database").WithRetry(time.Second)
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	err := pgx.BeginTxFunc(ctx, p.pool, options, func(tx pgx.Tx) error { return fn(ctx, tx) })
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		var shown *problem.Problem
		if !errors.As(err, &shown) {
			return fmt.Errorf("%w: %w", ctx.Err(), err) // whatever the driver made of it, the time was up
		}
	}
	return err
}
