package filestore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/clipper/clipperops/internal/featureflag"
)

// Watch follows the file. What is watched are the folders in which its name, and
// every symbolic link on the way to it, can be replaced: so it is followed also when
// it is renamed into place, when a link is swapped, and when it, or its folder, is
// deleted and comes back.
func (s *Store) Watch(ctx context.Context, report func(featureflag.State, error)) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		// Without notices there is still the poll.
		s.follow(ctx, report, nil, nil, func() {})
		return
	}
	defer func() { _ = watcher.Close() }()
	s.follow(ctx, report, watcher.Events, watcher.Errors, func() {
		for _, folder := range folders(s.path) {
			_ = watcher.Add(folder) // one that is gone is found again by the poll
		}
	})
}

func (s *Store) follow(ctx context.Context, report func(featureflag.State, error), events <-chan fsnotify.Event, errors <-chan error, watch func()) {
	var last []byte
	var failed string
	first := true
	look := func() {
		watch()
		content, err := s.read()
		if err == nil && !first && failed == "" && bytes.Equal(content, last) {
			return
		}
		var state featureflag.State
		if err == nil {
			state, err = s.parse(content)
		}
		switch {
		case err == nil:
			failed = ""
		case !first && failed == fmt.Sprint(err):
			return // said already
		default:
			failed = err.Error()
		}
		last, first = content, false
		report(state, err)
	}
	look()
	ticker := time.NewTicker(s.poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-errors: // notices were lost
		case <-events:
			drain(events) // several at once are one reason to look
		}
		look()
	}
}

// drain takes what is there already.
func drain(events <-chan fsnotify.Event) {
	for {
		select {
		case <-events:
		default:
			return
		}
	}
}
