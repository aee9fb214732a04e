package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/config"
)

const (
	// clients read and write by turns, each every beat.
	clients = 8
	beat    = 10 * time.Millisecond
)

// traffic is what an application does with the table meanwhile.
type traffic struct {
	stop func() ([]time.Duration, error)
}

// runTraffic begins reads and writes of single rows at a steady pace. A statement is
// measured from when it was due: one that stands behind another that waits is late too,
// as the request is that it would answer.
func runTraffic(ctx context.Context, target config.Target, rows int) (*traffic, error) {
	running, stop := context.WithCancel(ctx)
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	for client := range clients {
		conn, err := connect(ctx, target)
		if err != nil {
			stop()
			return nil, err
		}
		sql := "SELECT note FROM busy WHERE id = $1"
		if client%2 == 1 {
			sql = "UPDATE busy SET seen = seen + 1 WHERE id = $1"
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer hangUp(ctx, conn)
			var times []time.Duration
			var err error
			for due := time.Now(); running.Err() == nil && err == nil; due = due.Add(beat) {
				time.Sleep(time.Until(due))
				_, err = conn.Exec(ctx, sql, rand.IntN(rows)+1)
				times = append(times, time.Since(due))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
			if err != nil {
				failed = fmt.Errorf("traffic: %w", err)
			}
		}()
	}
	return &traffic{stop: func() ([]time.Duration, error) {
		stop()
		wg.Wait()
		slices.Sort(all)
		return all, failed
	}}, nil
}

// quantile is the part q of the sorted times.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
