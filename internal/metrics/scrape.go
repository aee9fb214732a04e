package metrics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"golang.org/x/sync/errgroup"
)

// target is an instance's /metrics.
type target struct {
	url      string
	instance string // host and port: the label
	series   map[storage.SeriesRef]labels.Labels
}

// ScrapeFailed says which targets could not be scraped in a round. The others were.
type ScrapeFailed struct {
	Targets map[string]error // by URL
	Of      int              // how many there were
}

func (e *ScrapeFailed) Error() string {
	var lines []string
	for _, url := range slices.Sorted(maps.Keys(e.Targets)) {
		lines = append(lines, url+": "+e.Targets[url].Error())
	}
	return fmt.Sprintf("%d of %d instances could not be scraped: %s", len(lines), e.Of, strings.Join(lines, "; "))
}

// Run scrapes every interval, the first time at once, until ctx ends. What fails
// is told to the logger, and tried again in the next round.
func (s *Scraper) Run(ctx context.Context) {
	ticks := time.NewTicker(s.o.Interval)
	defer ticks.Stop()
	for ctx.Err() == nil {
		if err := s.Scrape(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("scraping failed", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
}

// Scrape asks every target once and keeps what they say, with `up` 1; one that
// fails gets `up` 0. Series that are gone, because their target or they themselves
// are, are marked stale, so that queries do not go on seeing them. *ScrapeFailed
// names the targets that failed.
func (s *Scraper) Scrape(ctx context.Context) error {
	s.round.Lock()
	defer s.round.Unlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return &Unavailable{Where: s.where, What: "they were closed before"}
	}
	unlisted := s.list(ctx)
	at, err := s.moment()
	if err != nil {
		return errors.Join(unlisted, err)
	}
	failed := &ScrapeFailed{Targets: map[string]error{}, Of: len(s.targets)}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(16)
	for _, t := range s.targets {
		g.Go(func() error {
			began := time.Now()
			samples, err := s.fetch(ctx, t)
			if ctx.Err() != nil {
				return ctx.Err() // nothing is known of the target
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				err = s.keep(t, at, samples, time.Since(began))
			}
			if err != nil {
				failed.Targets[t.url] = err
				return s.keepFailure(t, at)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return errors.Join(unlisted, err)
	}
	if len(failed.Targets) > 0 {
		return errors.Join(unlisted, failed)
	}
	return unlisted
}

// list brings the targets up to date. When they cannot be told, those of the last
// round stay.
func (s *Scraper) list(ctx context.Context) error {
	urls := s.o.Targets
	if s.o.Discover != nil {
		var err error
		if urls, err = s.o.Discover(ctx); err != nil {
			return fmt.Errorf("the instances to scrape cannot be listed: %w", err)
		}
	}
	now, err := parseTargets(urls)
	if err != nil {
		return err
	}
	for instance, t := range s.targets {
		if now[instance] != nil && now[instance].url == t.url {
			now[instance] = t
		} else if len(t.series) > 0 {
			at, err := s.moment()
			if err == nil {
				err = s.keepGone(t, at)
			}
			if err != nil {
				return fmt.Errorf("%s is gone, which could not be noted: %w", t.url, err)
			}
		}
	}
	s.targets = now
	return nil
}

// moment is the time of a round: later than that of every one before, as the
// database takes no samples from the past.
func (s *Scraper) moment() (int64, error) {
	now := s.o.Now().UnixMilli()
	if now <= s.last {
		if behind := time.Duration(s.last-now) * time.Millisecond; behind > time.Second {
			return 0, fmt.Errorf("the clock is %s behind the last samples in %s; nothing was scraped; it goes on when the clock has passed them", behind, s.o.Dir)
		}
		now = s.last + 1
	}
	s.last = now
	return now, nil
}

// keep writes a successful scrape.
func (s *Scraper) keep(t *target, at int64, samples []sample, took time.Duration) error {
	w := s.begin(t, at)
	for _, one := range samples {
		w.add(one.labels, one.value)
	}
	w.own("up", 1)
	w.own("scrape_duration_seconds", took.Seconds())
	w.own("scrape_samples_scraped", float64(len(samples)))
	return w.commit()
}

// keepFailure writes that a target could not be scraped: its series are stale.
func (s *Scraper) keepFailure(t *target, at int64) error {
	w := s.begin(t, at)
	w.own("up", 0)
	return w.commit()
}

// keepGone writes that a target is none any more.
func (s *Scraper) keepGone(t *target, at int64) error { return s.begin(t, at).commit() }

// writing is one target's samples of one round: all are kept or none.
type writing struct {
	s    *Scraper
	t    *target
	at   int64
	app  storage.Appender
	seen map[storage.SeriesRef]labels.Labels
	err  error
}

func (s *Scraper) begin(t *target, at int64) *writing {
	// Not the round's context: what was fetched is written whole.
	return &writing{s: s, t: t, at: at, app: s.db.Appender(context.Background()), seen: map[storage.SeriesRef]labels.Labels{}}
}

func (w *writing) add(l labels.Labels, v float64) {
	if w.err != nil {
		return
	}
	ref, err := w.app.Append(0, l, w.at, v)
	switch {
	case err != nil:
		w.err = fmt.Errorf("%s could not be kept: %w", plain(labelsFrom(l).String(), 200), err)
	case w.seen[ref].Len() > 0:
		w.err = fmt.Errorf("%s is there twice; which of the values is true is not known", plain(labelsFrom(l).String(), 200))
	}
	w.seen[ref] = l
}

// own adds a sample that is about the scrape.
func (w *writing) own(name string, v float64) {
	w.add(labels.FromStrings("__name__", name, "job", w.s.o.Job, "instance", w.t.instance), v)
}

// commit marks what is not there any more, and makes it all visible.
func (w *writing) commit() error {
	for ref, l := range w.t.series {
		if _, there := w.seen[ref]; there || w.err != nil {
			continue
		}
		if _, err := w.app.Append(ref, l, w.at, math.Float64frombits(value.StaleNaN)); err != nil {
			w.err = err
		}
	}
	if w.err != nil {
		return errors.Join(w.err, w.app.Rollback())
	}
	if err := w.app.Commit(); err != nil {
		return fmt.Errorf("the samples cannot be written to %s: %w", w.s.o.Dir, err)
	}
	w.t.series = w.seen
	return nil
}
