package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// Onlooker answers PromQL about the samples that another process scrapes into a folder,
// as they were when it was opened. It changes nothing there and holds up nobody.
type Onlooker struct {
	where  string
	engine *promql.Engine
	db     *tsdb.DBReadOnly
	reader storage.Querier

	one sync.Mutex // the reader is for one query at a time
}

// OpenOnlooker opens the folder of a Scraper for reading alone.
func OpenOnlooker(dir string) (*Onlooker, error) {
	o, err := openOnlooker(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		o, err = openOnlooker(dir) // its last record was being written, or a block just put away
	}
	if err != nil {
		return nil, fmt.Errorf("the samples in %s cannot be read: %w", dir, err)
	}
	return o, nil
}

func openOnlooker(dir string) (*Onlooker, error) {
	logger := slog.New(slog.DiscardHandler)
	db, err := tsdb.OpenDBReadOnly(dir, "", logger)
	if err != nil {
		return nil, err
	}
	reader, err := db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Onlooker{where: "samples that another process scrapes into " + dir, engine: newEngine(logger), db: db, reader: reader}, nil
}

func (o *Onlooker) String() string { return o.where }

// Range implements Source.
func (o *Onlooker) Range(ctx context.Context, selector string, from, to time.Time) ([]Series, error) {
	o.one.Lock()
	defer o.one.Unlock()
	return o.evaluator().samples(ctx, selector, from, to)
}

// Instant implements Source.
func (o *Onlooker) Instant(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	o.one.Lock()
	defer o.one.Unlock()
	return o.evaluator().instant(ctx, expr, at)
}

func (o *Onlooker) evaluator() evaluator {
	return evaluator{where: o.where, engine: o.engine, over: storage.QueryableFunc(func(int64, int64) (storage.Querier, error) {
		return lasting{o.reader}, nil
	})}
}

// Close gives up what it holds.
func (o *Onlooker) Close() error {
	o.one.Lock()
	defer o.one.Unlock()
	return errors.Join(o.reader.Close(), o.db.Close(), o.engine.Close())
}

// lasting is a querier that outlives a query: reading the log again for each would take
// longer than the query.
type lasting struct{ storage.Querier }

func (lasting) Close() error { return nil }
