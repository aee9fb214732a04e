package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/moderation/schema"
	"github.com/clipper/clipperops/moderation/settings"
)

// setup makes what the service needs beside Clipper's own schema.
func (p *program) setup(ctx context.Context, args []string) error {
	if err := noArguments("setup", args); err != nil {
		return err
	}
	s, err := settings.Read(p.env, settings.ForDatabase)
	if err != nil {
		return usageError{err}
	}
	config, err := s.Database.Connection("moderation-api setup")
	if err != nil {
		return usageError{err}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w; nothing was made", s.Database, err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if err := schema.Setup(ctx, conn); err != nil {
		return err
	}
	if err := postgres.Setup(ctx, conn); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "schema moderation_api and table clipperops.feature_flags stand in %s\n", s.Database)
	return err
}
