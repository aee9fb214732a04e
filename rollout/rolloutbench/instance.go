package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
)

// key is the flag of the moderation release.
const key = "twitch_moderation"

// instance is a service that follows the flag and tells of it, as the moderation API
// does.
type instance struct {
	live   *featureflag.Live
	server *httptest.Server

	mu      sync.Mutex
	on      bool
	changed time.Time // when it came to be as it is
	news    chan<- struct{}
}

// instancesOf starts so many on the store; stop ends them.
func instancesOf(ctx context.Context, n int, open func() featureflag.Store, news chan<- struct{}) (all []*instance, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	stop = func() {
		cancel()
		following.Wait()
		for _, i := range all {
			i.server.Close()
		}
	}
	for range n {
		i := &instance{live: featureflag.NewLive(open()), news: news}
		if err := i.live.Start(ctx); err != nil {
			stop()
			return nil, nil, err
		}
		i.live.OnChange(i.note)
		i.server = httptest.NewServer(i)
		following.Go(func() { i.live.Run(ctx) })
		all = append(all, i)
	}
	return all, stop, nil
}

// note takes the time when the flag begins or ceases to be on.
func (i *instance) note() {
	on := i.live.On(key, "anybody")
	i.mu.Lock()
	if on != i.on {
		i.on, i.changed = on, time.Now()
	}
	i.mu.Unlock()
	select {
	case i.news <- struct{}{}:
	default:
	}
}

// is reports since when the flag is so here; false when it is not.
func (i *instance) is(on bool) (time.Time, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.changed, i.on == on
}

// ServeHTTP is GET /api/v1/features.
func (i *instance) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	type flag struct {
		Key        string                 `json:"key"`
		Enabled    bool                   `json:"enabled"`
		Percentage featureflag.Percentage `json:"percentage"`
		Users      int                    `json:"enabled_users"`
		Version    int64                  `json:"version"`
		Since      time.Time              `json:"since"`
	}
	flags := []flag{}
	for _, v := range i.live.Status().Flags {
		flags = append(flags, flag{v.Key, v.Enabled, v.Percentage, len(v.Users()), v.Version, v.Since})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"instance": i.server.URL, "flags": flags})
}

// lastIs waits until the flag is so at every instance, and says when the last one came.
func lastIs(ctx context.Context, all []*instance, on bool, news <-chan struct{}) (time.Time, error) {
	for {
		var last time.Time
		complete := true
		for _, i := range all {
			at, is := i.is(on)
			complete = complete && is
			if at.After(last) {
				last = at
			}
		}
		if complete {
			return last, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}
