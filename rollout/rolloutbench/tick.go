package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/internal/metrics"
	"github.com/clipper/clipperops/internal/metrics/metricstest"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollout"
)

// ticks is how often the watch looks.
const ticks = 40

// benchTick has the watch look at many rules, each of series of its own, on a Prometheus
// that scrapes all the time.
func benchTick(ctx context.Context, db database, s settings) (err error) {
	target := metricstest.NewTarget()
	defer target.Close()
	values := map[string]float64{}
	for i := range s.gates {
		values[fmt.Sprintf(`operations_total{status="ok",rule="%d"}`, i)] = 1000
		values[fmt.Sprintf(`operations_total{status="error",rule="%d"}`, i)] = 3
	}
	target.Start(time.Now().Add(-time.Hour), values)
	server, err := metricstest.StartServer(ctx, target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	source, err := metrics.OpenPrometheus(metrics.Options{URL: server.URL})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	conn, err := pg.Connect(ctx, db.target, pg.ConnOptions{Application: "rolloutbench"})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	record, err := rollout.OpenRecord(ctx, conn)
	if err != nil {
		return err
	}
	w := &rollout.Watcher{
		Controller: &rollout.Controller{Flag: key, Store: postgres.Open(db.conn), Record: record, Now: time.Now, By: "rolloutbench", Timeout: time.Second},
		Release:    rules(s.gates), Source: source, Every: time.Second,
	}
	var took []time.Duration
	for len(took) < ticks {
		target.Set(bump(values))
		begun := time.Now()
		r, err := w.Tick(ctx)
		if err != nil {
			return err
		}
		if r.Sample.Problem == "" { // before the first scrapes there is nothing to count
			took = append(took, time.Since(begun))
		}
		select {
		case <-time.After(100 * time.Millisecond): // the bench's own pace
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	fmt.Printf("\none look of the watch, at %d gates on a Prometheus, %d times\n", s.gates, ticks)
	heading()
	row("one look", took)
	fmt.Println()
	verdict(median(took) <= promisedTick, "one look at %d gates takes %s   (at most %s)", s.gates, ms(median(took)), promisedTick)
	return nil
}

// rules are so many, each of its own series.
func rules(n int) *release.Rollout {
	r := &release.Rollout{Flag: key}
	for i := range n {
		r.Rollback = append(r.Rollback, release.Rule{
			ID: fmt.Sprintf("rule-%d", i), Title: "too many errors", Above: "10%", For: 5 * time.Minute, Action: release.ActionOff,
			Total: fmt.Sprintf(`operations_total{rule="%d"}`, i), Bad: fmt.Sprintf(`operations_total{status="error",rule="%d"}`, i),
		})
	}
	return r
}

// bump lets every counter grow.
func bump(values map[string]float64) map[string]float64 {
	for k := range values {
		values[k]++
	}
	return values
}
