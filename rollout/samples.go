package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clipper/clipperops/rollout/gate"
)

// keepSamples is how long what the watch counted is kept.
const keepSamples = 7 * 24 * time.Hour

// Sample is what the watch counted in one tick: from From to At.
type Sample struct {
	From time.Time `json:"from"`
	At   time.Time `json:"at"`
	// Counts are by the id of the rule; surveillance is one of them.
	Counts map[string]gate.Tick `json:"counts"`
	// Evidence is the surveillance after this tick, so that another watch goes on with it.
	Evidence *gate.CUSUM `json:"evidence,omitempty"`
	Exposure Exposure    `json:"exposure"`
	// Ahead is the State's Clean where it lay in the future.
	Ahead time.Time `json:"ahead,omitzero"`
	// Problem says why nothing could be counted.
	Problem string `json:"problem,omitempty"`
	// Firing are the alerts that are on after this tick, Late the instances that did not
	// follow at it.
	Firing []string `json:"firing,omitempty"`
	Late   []string `json:"late,omitempty"`
	// Stay is the State's Clean of the stay that those are about which count it.
	Stay time.Time `json:"stay,omitzero"`
}

// AddSample keeps a sample, and lets the oldest go, and those of the future: they are of
// a clock that was set back since.
func (r *Record) AddSample(ctx context.Context, flag string, s Sample) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = r.conn.Exec(ctx, `INSERT INTO clipperops.rollout_samples (flag, at, sample) VALUES ($1, $2, $3)
		ON CONFLICT (flag, at) DO UPDATE SET sample = excluded.sample`, flag, s.At, text)
	if err == nil {
		_, err = r.conn.Exec(ctx, `DELETE FROM clipperops.rollout_samples WHERE flag = $1 AND (at < $2 OR at > $3)`, flag, s.At.Add(-keepSamples), s.At)
	}
	if err != nil {
		return fmt.Errorf("keeping what was counted: %w", err)
	}
	return nil
}

// Samples are those after a moment, oldest first.
func (r *Record) Samples(ctx context.Context, flag string, after time.Time) ([]Sample, error) {
	return r.readSamples(ctx, `SELECT sample FROM clipperops.rollout_samples WHERE flag = $1 AND at > $2 ORDER BY at`, flag, after)
}

// LastSample is the newest there is, however old; an empty one where there is none.
func (r *Record) LastSample(ctx context.Context, flag string) (Sample, error) {
	samples, err := r.readSamples(ctx, `SELECT sample FROM clipperops.rollout_samples WHERE flag = $1 ORDER BY at DESC LIMIT 1`, flag)
	if err != nil || len(samples) == 0 {
		return Sample{}, err
	}
	return samples[0], nil
}

func (r *Record) readSamples(ctx context.Context, sql string, args ...any) ([]Sample, error) {
	rows, err := r.conn.Query(ctx, sql, args...)
	if err == nil {
		var samples []Sample
		samples, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Sample, err error) {
			var text []byte
			if err = row.Scan(&text); err == nil {
				err = json.Unmarshal(text, &s)
			}
			return s, err
		})
		if err == nil {
			return samples, nil
		}
	}
	if sqlState(err) == undefinedTable {
		return nil, nil
	}
	return nil, fmt.Errorf("reading what was counted: %w", err)
}

func sqlState(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}
