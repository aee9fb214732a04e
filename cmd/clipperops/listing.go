package main

import (
	"context"

	"github.com/clipper/clipperops/reports"
	"github.com/clipper/clipperops/runbook"
)

// lists is the action of a command that shows what find finds, as a table.
func lists[T any](find func(context.Context, *runbook.Session) (T, error), table func(T) reports.List) func(*invocation) error {
	return func(i *invocation) error {
		s, err := i.session()
		if err != nil {
			return err
		}
		ctx, cancel := i.deadline()
		defer cancel()
		found, err := find(ctx, s)
		if err != nil {
			return err
		}
		return i.list(table(found))
	}
}
