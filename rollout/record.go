package rollout

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed setup.sql
var setup string

// setupLock keeps two first users apart; the bytes spell "rollout" and 1.
const setupLock int64 = 0x726f6c6c6f757401

// Record is where rollouts stand and what was done to them, in schema clipperops. It is
// for one goroutine, as its connection is.
type Record struct{ conn *pgx.Conn }

// OpenRecord readies the record; the first one makes its tables.
func OpenRecord(ctx context.Context, conn *pgx.Conn) (*Record, error) {
	var stands bool
	err := conn.QueryRow(ctx, `SELECT to_regclass('clipperops.rollouts') IS NOT NULL
		AND to_regclass('clipperops.rollout_events') IS NOT NULL AND to_regclass('clipperops.rollout_samples') IS NOT NULL`).Scan(&stands)
	if err == nil && !stands {
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, setupLock); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "SET LOCAL client_min_messages = warning;"+setup, pgx.QueryExecModeSimpleProtocol)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("readying the record of rollouts: %w", err)
	}
	return &Record{conn: conn}, nil
}

// PeekRecord is a record for reading, which makes nothing. Where there are no tables
// yet it reads as if nothing had happened.
func PeekRecord(conn *pgx.Conn) *Record { return &Record{conn: conn} }

// ChangedError says that somebody else changed the state meanwhile.
type ChangedError struct{ By string }

func (e *ChangedError) Error() string {
	return e.By + " has changed the rollout meanwhile; nothing was written"
}

// undefinedTable is the server's code.
const undefinedTable = "42P01"

// Load reads where the flag's rollout stands; one that was never begun has version 0.
func (r *Record) Load(ctx context.Context, flag string) (State, error) {
	s := State{Flag: flag}
	var text []byte
	var version int64
	err := r.conn.QueryRow(ctx, `SELECT state, version FROM clipperops.rollouts WHERE flag = $1`, flag).Scan(&text, &version)
	switch {
	case errors.Is(err, pgx.ErrNoRows), sqlState(err) == undefinedTable, sqlState(err) == "3F000":
		return s, nil
	case err != nil:
		return s, fmt.Errorf("reading where the rollout stands: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("the rollout's state in clipperops.rollouts cannot be read: %w", err)
	}
	s.Flag, s.Version = flag, version
	return s, nil
}

// Save writes the state, and the events with it, if it still is the one that was
// loaded; else it is refused with a *ChangedError.
func (r *Record) Save(ctx context.Context, s State, by string, events ...Event) (State, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	err = pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO clipperops.rollouts AS r (flag, state, version, updated_by) VALUES ($1, $2, 1, $4)
			ON CONFLICT (flag) DO UPDATE SET state = $2, version = r.version + 1, updated_at = now(), updated_by = $4 WHERE r.version = $3`,
			s.Flag, text, s.Version, by)
		if err == nil && (tag.RowsAffected() == 0) {
			changed := &ChangedError{By: "somebody else"}
			_ = tx.QueryRow(ctx, `SELECT updated_by FROM clipperops.rollouts WHERE flag = $1`, s.Flag).Scan(&changed.By) // better known than not
			return changed
		}
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := appendEvent(ctx, tx, s.Flag, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("writing where the rollout stands: %w", err)
	}
	s.Version++
	return s, nil
}

// Event is one thing that was done to a rollout.
type Event struct {
	ID     int64     `json:"-"`
	At     time.Time `json:"at"`
	Kind   Kind      `json:"kind"`
	By     string    `json:"by"`
	Host   string    `json:"host,omitempty"`
	Run    string    `json:"run,omitempty"`
	Phase  string    `json:"phase,omitempty"`
	From   *Exposure `json:"from,omitempty"`
	To     *Exposure `json:"to,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Rule   string    `json:"rule,omitempty"`
	Forced bool      `json:"forced,omitempty"`
	// Text says the rest: which criterion, what an alert found.
	Text string `json:"text,omitempty"`
}

// event is that of a change that was done.
func (c Change) event() Event {
	return Event{
		At: c.At, Kind: c.Kind, By: c.By, Host: c.Host, Run: c.Run, Phase: c.Phase, From: &c.From, To: &c.To,
		Reason: c.Reason, Rule: c.Rule, Forced: c.Forced,
	}
}

// Append notes an event that changes no state.
func (r *Record) Append(ctx context.Context, flag string, e Event) error {
	return appendEvent(ctx, r.conn, flag, e)
}

func appendEvent(ctx context.Context, to interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, flag string, e Event,
) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return to.QueryRow(ctx, `INSERT INTO clipperops.rollout_events (flag, at, event) VALUES ($1, $2, $3) RETURNING id`, flag, e.At, text).Scan(&e.ID)
}

// History returns the events of a flag, newest first, at most limit.
func (r *Record) History(ctx context.Context, flag string, limit int) ([]Event, error) {
	rows, err := r.conn.Query(ctx, `SELECT id, event FROM clipperops.rollout_events WHERE flag = $1 ORDER BY id DESC LIMIT $2`, flag, limit)
	if err == nil {
		var events []Event
		events, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Event, err error) {
			var text []byte
			var id int64
			if err = row.Scan(&id, &text); err == nil {
				err = json.Unmarshal(text, &e)
			}
			e.ID = id
			return e, err
		})
		if err == nil {
			return events, nil
		}
	}
	if code := sqlState(err); code == undefinedTable || code == "3F000" {
		return nil, nil
	}
	return nil, fmt.Errorf("reading the rollout's history: %w", err)
}
