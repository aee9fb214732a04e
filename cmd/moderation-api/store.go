package main

import (
	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/env"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
	"github.com/clipper/clipperops/internal/featureflag/flagd"
	"github.com/clipper/clipperops/internal/featureflag/postgres"
	"github.com/clipper/clipperops/moderation"
	"github.com/clipper/clipperops/moderation/settings"
)

// store is the flags' store that the settings name.
func (p *program) store(s settings.Settings) (featureflag.Store, error) {
	switch s.FeatureStore {
	case settings.StoreEnvFile:
		return envfile.Open(s.FeatureFile, moderation.Flags()...), nil
	case settings.StoreFlagd:
		return flagd.Open(s.FeatureFile, moderation.Flags()...), nil
	case settings.StorePostgres:
		config, err := s.Database.Connection("moderation-api flags")
		if err != nil {
			return nil, err
		}
		return postgres.Open(config), nil
	default:
		return env.New(p.environ, moderation.Flags()...), nil
	}
}
