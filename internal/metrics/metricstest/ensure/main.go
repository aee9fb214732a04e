// Command ensure makes sure that this machine has a Prometheus for the tests.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/clipper/clipperops/internal/metrics/metricstest"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := ensure(ctx)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ensure(ctx context.Context) error {
	_, err := metricstest.Find()
	if !errors.Is(err, metricstest.ErrMissing) {
		return err
	}
	return metricstest.Install(ctx, os.Stderr)
}
