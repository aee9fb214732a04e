package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

// Scraper is a Prometheus inside this process: it scrapes the instances, keeps
// their samples on disk and answers PromQL about them.
type Scraper struct {
	o      ScrapeOptions
	where  string
	lock   *writerLock
	engine *promql.Engine
	client *http.Client

	mu     sync.RWMutex // held for writing to close
	closed bool
	db     *tsdb.DB

	round   sync.Mutex // one at a time
	last    int64      // when the last one was, in Unix milliseconds
	targets map[string]*target
}

// OpenScrape opens the samples in o.Dir, whatever ended the process that wrote
// them, and holds them until Close. *Busy when another process does.
func OpenScrape(o ScrapeOptions) (*Scraper, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockWriter(o.Dir)
	if err != nil {
		return nil, err
	}
	db, err := tsdb.Open(o.Dir, o.Logger, nil, storageOptions(o), nil)
	if err != nil {
		_ = lock.release()
		return nil, fmt.Errorf("the samples in %s cannot be opened: %w; a copy of the folder may be worth keeping, an empty one can take its place", o.Dir, err)
	}
	return &Scraper{
		o:       o,
		where:   "samples scraped into " + o.Dir,
		lock:    lock,
		db:      db,
		last:    db.Head().MaxTime(), // the least there is when empty
		client:  newScrapeClient(),
		engine:  newEngine(o.Logger),
		targets: map[string]*target{},
	}, nil
}

// complete puts the defaults in and refuses what cannot be.
func (o *ScrapeOptions) complete() error {
	if o.Dir == "" {
		return errors.New("the folder for scraped samples is not given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	o.Dir = dir
	if (len(o.Targets) == 0) == (o.Discover == nil) {
		return errors.New("the instances to scrape are not given, or given twice: their /metrics addresses, or a way to find them")
	}
	if _, err := parseTargets(o.Targets); err != nil {
		return err
	}
	if o.Job == "" {
		o.Job = "clipper"
	}
	if o.Interval <= 0 {
		o.Interval = 15 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = min(o.Interval, 10*time.Second)
	}
	if o.Retention <= 0 {
		o.Retention = 15 * 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// storageOptions fit a few instances: Prometheus's own are for millions of series.
func storageOptions(o ScrapeOptions) *tsdb.Options {
	s := tsdb.DefaultOptions()
	s.RetentionDuration = o.Retention.Milliseconds()
	s.MaxBlockDuration = max(s.MinBlockDuration, min(o.Retention/10, 31*24*time.Hour).Milliseconds())
	s.WALSegmentSize = 16 << 20
	s.WALCompression = compression.Snappy
	s.MaxBlockChunkSegmentSize = 32 << 20 // is allocated while a block is written
	s.StripeSize = 512
	s.HeadChunksWriteQueueSize = 0
	return s
}

func (s *Scraper) String() string { return s.where }

// Range implements Source.
func (s *Scraper) Range(ctx context.Context, selector string, from, to time.Time) ([]Series, error) {
	e, done, err := s.open()
	if err != nil {
		return nil, err
	}
	defer done()
	return e.samples(ctx, selector, from, to)
}

// Instant implements Source.
func (s *Scraper) Instant(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	e, done, err := s.open()
	if err != nil {
		return nil, err
	}
	defer done()
	return e.instant(ctx, expr, at)
}

// open keeps the samples open until done is called.
func (s *Scraper) open() (e evaluator, done func(), err error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return e, nil, &Unavailable{Where: s.where, What: "they were closed before"}
	}
	return evaluator{where: s.where, engine: s.engine, over: s.db}, s.mu.RUnlock, nil
}

// Close puts away what is due, as a long run would do hourly, and gives the folder
// up. Closing twice is no error.
func (s *Scraper) Close() error {
	s.round.Lock()
	defer s.round.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.client.CloseIdleConnections()
	// A command that runs once a minute never lives to see the database do it.
	err := s.db.Compact(context.Background())
	return errors.Join(err, s.db.Close(), s.engine.Close(), s.lock.release())
}
