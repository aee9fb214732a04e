package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net"
	"slices"

	"github.com/clipper/clipperops/moderation"
	"github.com/clipper/clipperops/moderation/settings"
)

// stands names the flags of serve, each with the variable that it stands for.
var stands = []struct{ flag, variable, does string }{
	{"addr", "MODERATION_ADDR", "where the API listens"},
	{"metrics-addr", "METRICS_ADDR", "where /metrics listens, when not with the API"},
	{"twitch-url", "TWITCH_URL", "where Twitch's API is"},
	{"twitch-auth-url", "TWITCH_AUTH_URL", "where Twitch's OAuth is"},
	{"feature-store", "FEATURE_STORE", "env, envfile, flagd or postgres"},
	{"feature-file", "FEATURE_FILE", "the file of an envfile or flagd store"},
}

// serve serves until a signal comes.
func (p *program) serve(ctx context.Context, args []string) error {
	env, err := p.withFlags(args)
	if err != nil {
		return err
	}
	s, err := settings.Read(env, settings.ForDatabase|settings.ForFlags|settings.ForServing)
	if err != nil {
		return usageError{err}
	}
	log := slog.New(slog.NewJSONHandler(p.err, nil))
	store, err := p.store(s)
	if err != nil {
		return usageError{err}
	}
	server, err := moderation.New(ctx, s, store, log)
	if err != nil {
		return err
	}
	log.Info("starting", slog.String("version", build), slog.String("database", s.Database.String()), slog.String("feature_store", store.String()))
	err = server.Run(ctx, func(api, metrics net.Addr) {
		log.Info("listening", slog.String("api", api.String()), slog.String("metrics", metrics.String()))
	})
	if err == nil {
		log.Info("stopped; every accepted request was answered")
	}
	return err
}

// withFlags is the environment with what the flags say over it.
func (p *program) withFlags(args []string) (settings.Environment, error) {
	set := flag.NewFlagSet("serve", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	values := make([]*string, len(stands))
	for i, s := range stands {
		values[i] = set.String(s.flag, "", s.does)
	}
	if err := set.Parse(args); err != nil {
		return nil, usage("%v; moderation-api help lists the flags", err)
	}
	if err := noArguments("serve", set.Args()); err != nil {
		return nil, err
	}
	given := map[string]string{}
	set.Visit(func(f *flag.Flag) {
		i := slices.IndexFunc(stands, func(s struct{ flag, variable, does string }) bool { return s.flag == f.Name })
		given[stands[i].variable] = *values[i]
	})
	return func(name string) (string, bool) {
		if v, ok := given[name]; ok {
			return v, true
		}
		return p.env(name)
	}, nil
}
