package metrics

import (
	"context"
	"errors"
	"time"
)

// OpenPrometheus is a Prometheus server as a source. Nothing is asked yet.
func OpenPrometheus(o Options) (Source, error) { return nil, errors.New("to come") }

// Scraper is an embedded Prometheus.
type Scraper struct{}

// OpenScrape opens the samples on disk.
func OpenScrape(o ScrapeOptions) (*Scraper, error) { return nil, errors.New("to come") }

// Range implements Source.
func (s *Scraper) Range(ctx context.Context, selector string, from, to time.Time) ([]Series, error) {
	return nil, ErrNoData
}

// Instant implements Source.
func (s *Scraper) Instant(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	return nil, ErrNoData
}

// Scrape asks every target once.
func (s *Scraper) Scrape(ctx context.Context) error { return nil }

// Run scrapes until ctx ends.
func (s *Scraper) Run(ctx context.Context) error { return nil }

func (s *Scraper) String() string { return "scrape" }

// Close implements Source.
func (s *Scraper) Close() error { return nil }
