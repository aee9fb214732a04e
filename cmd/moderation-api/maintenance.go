package main

import (
	"context"
	"fmt"
	"os/user"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/moderation"
	"github.com/clipper/clipperops/moderation/settings"
)

// maintenance switches writes off and on through the flags' store, which brings it
// to all instances.
func (p *program) maintenance(ctx context.Context, args []string) error {
	if len(args) != 1 || (args[0] != "on" && args[0] != "off" && args[0] != "status") {
		return usage("maintenance is followed by on, off or status")
	}
	s, err := settings.Read(p.env, settings.ForFlags)
	if err != nil {
		return usageError{err}
	}
	store, err := p.store(s)
	if err != nil {
		return usageError{err}
	}
	state, err := store.Load(ctx)
	if err != nil {
		return fmt.Errorf("reading the flags from %s: %w; nothing was changed", store, err)
	}
	now := state[moderation.FlagMaintenance]
	if args[0] == "status" {
		return p.tell(now.Enabled, store)
	}
	wanted := args[0] == "on"
	if now.Enabled == wanted {
		return p.tell(wanted, store)
	}
	writer, ok := store.(featureflag.Writer)
	if !ok {
		return usage("maintenance cannot be switched in %s: the environment of a running service does not change; use FEATURE_STORE=envfile, flagd or postgres", store)
	}
	percentage := featureflag.Percentage(0)
	if wanted {
		percentage = featureflag.Everybody
	}
	flag, err := featureflag.New(moderation.FlagMaintenance, wanted, percentage, nil)
	if err != nil {
		return err
	}
	if _, err := writer.Write(ctx, featureflag.Change{Flag: flag, Expect: now.Version, By: operator()}); err != nil {
		return fmt.Errorf("writing to %s: %w", store, err)
	}
	return p.tell(wanted, store)
}

func (p *program) tell(on bool, store featureflag.Store) error {
	text := "maintenance is off: everything is served"
	if on {
		text = "maintenance is on: writes are answered 503, reads go on"
	}
	_, err := fmt.Fprintf(p.out, "%s (%s)\n", text, store)
	return err
}

// operator is who types.
func operator() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}
