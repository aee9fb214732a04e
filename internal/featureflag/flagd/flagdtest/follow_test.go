package flagdtest

import (
	"context"
	"testing"
	"time"

	"github.com/open-feature/flagd/core/pkg/sync"
	"github.com/open-feature/flagd/core/pkg/sync/file"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/flagd"
)

func payload(source string, content []byte) sync.DataSync {
	return sync.DataSync{FlagData: string(content), Source: source}
}

// TestFlagdFollowsTheFile with its own file sync, through many replacements: it reads
// each new state, and never one that is half or gone.
func TestFlagdFollowsTheFile(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{file.FSNOTIFY, file.FILEINFO} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			path := written(t, newFlag(t, true, 0))
			e := newEngine(t, path)
			source := file.NewFileSync(path, kind, e.Logger)
			ctx, stop := context.WithCancel(t.Context())
			if err := source.Init(ctx); err != nil {
				t.Fatal(err)
			}
			updates := make(chan sync.DataSync)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				if err := source.Sync(ctx, updates); err != nil {
					t.Error(err)
				}
			}()
			defer func() {
				stop()
				for {
					select {
					case <-updates: // it may be handing one over
					case <-ended:
						return
					}
				}
			}()
			store := flagd.Open(path, key)
			state, err := store.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			version, writes := state[key].Version, 20
			if kind == file.FILEINFO {
				writes = 3 // it looks once a second
			}
			var longest time.Duration
			for i := range writes {
				f := newFlag(t, i%5 != 4, featureflag.Percentage(i*500), "somebody")
				begun := time.Now()
				after, err := store.Write(t.Context(), featureflag.Change{Flag: f, Expect: version})
				if err != nil {
					t.Fatal(err)
				}
				version = after.Version
				await(t, e, updates, f)
				longest = max(longest, time.Since(begun))
			}
			t.Logf("%d changes, each decided by after at most %s", writes, longest.Round(time.Millisecond))
		})
	}
}

// await takes updates until flagd decides as the flag does.
func await(t *testing.T, e engine, updates <-chan sync.DataSync, f featureflag.Flag) {
	t.Helper()
	for limit := time.After(time.Minute); ; {
		select {
		case u := <-updates:
			if err := e.SetState(u); err != nil {
				t.Fatalf("flagd was given a state that it refuses: %v", err)
			}
			_, _, _, _, err := e.ResolveBooleanValue(t.Context(), "", key, map[string]any{"targetingKey": "x"})
			if err != nil {
				t.Fatalf("flagd was given a state without the flag: %q", u.FlagData)
			}
			if agrees(t, e, f) {
				return
			}
		case <-limit:
			t.Fatalf("flagd does not follow to %s", f)
		}
	}
}

// agrees reports whether flagd decides as the flag does, for some users.
func agrees(t *testing.T, e engine, f featureflag.Flag) bool {
	t.Helper()
	for i := range 500 {
		if got, _ := e.on(t, map[string]any{"targetingKey": id(i)}); got != f.On(id(i)) {
			return false
		}
	}
	got, _ := e.on(t, map[string]any{"targetingKey": "somebody"})
	return got == f.On("somebody")
}
