package main

import (
	"context"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

const (
	mostToSnapshot = 200 * time.Millisecond
	// snapshots is how often one is taken.
	snapshots = 20
)

// benchSnapshot is one snapshot of 150 tables with 600 indexes, and, as a measure for the
// machine, pg_dump --schema-only of the same.
func benchSnapshot(ctx context.Context, server config.Target, _ settings) error {
	found, err := programs(ctx, server)
	if err != nil {
		return err
	}
	return withDatabase(ctx, server, func(target config.Target) error {
		conn, err := connect(ctx, target)
		if err != nil {
			return err
		}
		defer hangUp(ctx, conn)
		src, err := migrate.ReadSource(schemaChain(), "generated")
		if err != nil {
			return err
		}
		if _, err := applyAll(ctx, target, src); err != nil {
			return err
		}
		var tables, indexes int
		err = conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^s\d+$'),
			(SELECT count(*) FROM pg_indexes WHERE schemaname = 'public' AND tablename ~ '^s\d+$')`).Scan(&tables, &indexes)
		if err != nil {
			return err
		}
		if tables != schemaTables || indexes != schemaIndexes {
			return fmt.Errorf("%d tables and %d indexes: that is not the schema", tables, indexes)
		}
		var times, dumps []time.Duration
		for round := range snapshots + 1 {
			started := time.Now()
			if _, err := pg.TakeSnapshot(ctx, conn, pg.SnapshotOptions{}); err != nil {
				return err
			}
			took := time.Since(started)
			started = time.Now()
			if out, err := found.Dump.Command(ctx, target, "--schema-only", "--file=/dev/null").CombinedOutput(); err != nil {
				return fmt.Errorf("pg_dump: %w: %s", err, out)
			}
			if round > 0 {
				times, dumps = append(times, took), append(dumps, time.Since(started))
			}
		}
		fmt.Printf("\nsnapshot: %d tables, %d indexes, %d rounds\n\n", tables, indexes, snapshots)
		heading()
		spread("snapshot", times)
		spread("pg_dump --schema-only", dumps)
		fmt.Println()
		verdict(median(times) < mostToSnapshot, "snapshot %s   (below %s)", ms(median(times)), ms(mostToSnapshot))
		return nil
	})
}
