package runbook

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/rollout"
)

// RolloutHistory returns what was done to the rollout, newest first.
func RolloutHistory(ctx context.Context, s *Session, limit int) (events []rollout.Event, err error) {
	err = s.peek(ctx, "rollout history", func(r *rollout.Record) error {
		events, err = r.History(ctx, s.Release.Rollout.Flag, limit)
		return err
	})
	return events, err
}

// RolloutUsersNow are the users named now.
func RolloutUsersNow(ctx context.Context, s *Session) ([]string, error) {
	store, err := s.store()
	if err != nil {
		return nil, err
	}
	flags, err := unmade{store}.Load(ctx)
	if notConnected(err) { // why not is found out in the words of every command
		if err := s.reading(ctx, "rollout users list", func(*pgx.Conn) error { return nil }); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, nothingChanged(s.unreadable(fmt.Errorf("the flag cannot be read from %s: %w", store, err)))
	}
	return flags[s.Release.Rollout.Flag].Users(), nil
}
