package main

import (
	"context"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/config"
)

// What the engine is held to.
const (
	mostToMigrate = 1.0
	mostToPsql    = 1.15
)

// benchSpeed is the engine beside golang-migrate's library and one psql session: the
// same generated migrations.
func benchSpeed(ctx context.Context, server config.Target, s settings) error {
	chain := generate(s.files)
	contenders, err := contendersFor(ctx, server, chain)
	if err != nil {
		return err
	}
	fmt.Printf("speed: %d migrations, %d rounds, each on a new database, one contender after the other\n\n", s.files, s.rounds)
	for round := range s.rounds + 1 {
		for i := range contenders {
			c := contenders[(i+round)%len(contenders)]
			took, err := measure(ctx, server, c)
			if err != nil {
				return err
			}
			if round > 0 { // the first warms up the server and the caches
				c.times = append(c.times, took)
			}
		}
	}
	heading()
	for _, c := range contenders {
		spread(c.name, c.times)
	}
	fmt.Println()
	first := contenders[0]
	ratio(first.name, median(first.times), contenders[1].name, median(contenders[1].times), mostToMigrate)
	ratio(first.name, median(first.times), contenders[2].name, median(contenders[2].times), mostToPsql)
	return nil
}

// measure runs one contender on a database of its own.
func measure(ctx context.Context, server config.Target, c *contender) (took time.Duration, err error) {
	err = withDatabase(ctx, server, func(target config.Target) error {
		started := time.Now()
		err := c.run(ctx, target)
		took = time.Since(started)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		return c.check(ctx, target)
	})
	return took, err
}
