package main

import (
	"context"
	"errors"
	"fmt"
	"testing/fstest"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/migrate"
)

const (
	// inTheWay is how long the transaction is open that the migration meets.
	inTheWay = 10 * time.Second
	// calm is how long the traffic runs before, and after.
	calm = time.Second
	// slack is what a stall may be longer than lock_timeout.
	slack = 250 * time.Millisecond
	// stallRounds is how often each contender meets it.
	stallRounds = 2
)

// stalling is one way of applying a migration that needs ACCESS EXCLUSIVE, and what
// the traffic felt of it.
type stalling struct {
	name  string
	apply func(context.Context, config.Target) error
	took  []time.Duration
	times [][]time.Duration
}

// benchStall is what the traffic on a table feels while a migration that needs it for
// itself alone meets a long transaction.
func benchStall(ctx context.Context, server config.Target, s settings) error {
	change := chain{files: 1, dir: fstest.MapFS{
		"000001_a.up.sql":   {Data: []byte("ALTER TABLE busy ADD COLUMN flag boolean NOT NULL DEFAULT false;")},
		"000001_a.down.sql": {Data: []byte("ALTER TABLE busy DROP COLUMN flag;")},
	}}
	contenders := []*stalling{
		{name: "clipperops", apply: engine(change, false)},
		{name: "golang-migrate", apply: library(change)},
	}
	err := withDatabase(ctx, server, func(target config.Target) error {
		if err := fill(ctx, target, s.rows); err != nil {
			return err
		}
		for round := range stallRounds {
			for i := range contenders {
				if err := contenders[(i+round)%len(contenders)].meets(ctx, target, s.rows); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("\nstall: ALTER TABLE … ADD COLUMN meets a transaction of %s on a table of %d rows, which %d clients\n"+
		"read and write every %s; %d rounds\n\n", inTheWay, s.rows, clients, beat, stallRounds)
	fmt.Printf("%-18s %12s %10s %12s %12s %16s\n", "", "statements", "median", "p99.9", "worst", "migration took")
	var worst []time.Duration
	for _, c := range contenders {
		for round, times := range c.times {
			fmt.Printf("%-18s %12d %10s %12s %12s %16s\n", c.name, len(times), ms(quantile(times, 0.5)), ms(quantile(times, 0.999)),
				ms(times[len(times)-1]), ms(c.took[round]))
		}
		worst = append(worst, longest(c.times))
	}
	fmt.Println()
	verdict(worst[0] <= migrate.DefaultLockTimeout+slack, "worst under clipperops %s   (at most lock_timeout + 250 ms = %s); under golang-migrate %s",
		ms(worst[0]), ms(migrate.DefaultLockTimeout+slack), ms(worst[1]))
	return nil
}

func longest(rounds [][]time.Duration) time.Duration {
	var worst time.Duration
	for _, times := range rounds {
		worst = max(worst, times[len(times)-1])
	}
	return worst
}

func fill(ctx context.Context, target config.Target, rows int) error {
	conn, err := connect(ctx, target)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	_, err = conn.Exec(ctx, fmt.Sprintf("CREATE TABLE busy (id int PRIMARY KEY, note text NOT NULL, seen int NOT NULL DEFAULT 0);"+
		"INSERT INTO busy (id, note) SELECT i, md5(i::text) FROM generate_series(1, %d) i", rows))
	if err == nil {
		_, err = conn.Exec(ctx, "VACUUM (ANALYZE) busy")
	}
	return err
}

// meets runs the migration against a transaction in the way, under traffic.
func (c *stalling) meets(ctx context.Context, target config.Target, rows int) error {
	other, err := connect(ctx, target)
	if err != nil {
		return err
	}
	defer hangUp(ctx, other)
	load, err := runTraffic(ctx, target, rows)
	if err != nil {
		return err
	}
	time.Sleep(calm)
	if _, err := other.Exec(ctx, "BEGIN; SELECT count(*) FROM busy WHERE id <= 1000"); err != nil {
		return err
	}
	ended := make(chan error, 1)
	time.AfterFunc(inTheWay, func() {
		_, err := other.Exec(ctx, "COMMIT")
		ended <- err
	})
	started := time.Now()
	err = c.apply(ctx, target)
	c.took = append(c.took, time.Since(started))
	err = errors.Join(err, <-ended)
	time.Sleep(calm)
	times, failed := load.stop()
	c.times = append(c.times, times)
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	_, err = other.Exec(ctx, "ALTER TABLE busy DROP COLUMN flag; DROP TABLE schema_migrations")
	if err == nil {
		_, err = other.Exec(ctx, "VACUUM busy")
	}
	return err
}
