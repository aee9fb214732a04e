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
	// Problem says why nothing could be counted.
	Problem string `json:"problem,omitempty"`
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
	rows, err := r.conn.Query(ctx, `SELECT sample FROM clipperops.rollout_samples WHERE flag = $1 AND at > $2 ORDER BY at`, flag, after)
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
