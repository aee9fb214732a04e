package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/runbook"
)

// turnOff conducts the kill switch. One that does not start, because of settings that may be
// none of its business, says what else turns the feature off.
func (i *invocation) turnOff() error {
	if _, err := i.rolloutOptions(); err != nil {
		return err
	}
	if err := i.checkFlags(); err != nil {
		return err
	}
	err := i.rollOut(runbook.RolloutOff)
	if err == nil || errors.As(err, new(shownError)) {
		return err
	}
	f := *ops.AsFailure(err)
	f.Next = append(f.Next[:len(f.Next):len(f.Next)], i.offByHand()...)
	return &f
}

// offByHand goes by what is known of the settings nevertheless: a default is not, where they
// could not all be read.
func (i *invocation) offByHand() []string {
	settings, err := i.settings()
	flag := release.Moderation().Rollout.Flag
	if settings == nil {
		return runbook.OffByHand("", "", flag)
	}
	if settings.ReleaseFile != "" {
		if r, err := release.Load(settings.ReleaseFile); err == nil && r.Rollout.Flag != "" {
			flag = r.Rollout.Flag
		}
	}
	store := settings.Rollout.Store
	if err != nil && sourceOf(settings, "rollout.store") == "default" {
		store = ""
	}
	return runbook.OffByHand(store, settings.Rollout.File, flag)
}

// sourceOf is where a setting comes from.
func sourceOf(settings *config.Config, key string) string {
	at := slices.IndexFunc(settings.Settings, func(s config.Setting) bool { return s.Key == key })
	if at < 0 {
		return ""
	}
	return settings.Settings[at].Source
}

// loadRelease reads the release file of the settings. A failure says where it is named.
func loadRelease(settings *config.Config) (*release.Release, error) {
	r, err := release.Load(settings.ReleaseFile)
	if err == nil {
		return r, nil
	}
	f := *ops.AsFailure(err)
	away := "leave --release away for the embedded release"
	if source := sourceOf(settings, "release"); !strings.HasPrefix(source, "flag ") {
		away = "correct release in " + source + ", or remove it for the embedded release"
		f.Next = nil
	}
	var mistakes *release.FileError
	switch {
	case errors.As(err, &mistakes):
		at := "what is named above in " + settings.ReleaseFile
		if first := mistakes.Problems[0].Line; first > 0 {
			at = fmt.Sprintf("%s, line %d", settings.ReleaseFile, first)
		}
		f.Next = []string{"correct " + at, "or " + away}
	case len(f.Next) == 0:
		f.Next = []string{away, "or name another file with --release"}
	}
	return nil, &f
}
