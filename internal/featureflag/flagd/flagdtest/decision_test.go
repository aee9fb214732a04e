package flagdtest

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	gosync "sync"
	"sync/atomic"
	"testing"

	"github.com/open-feature/flagd/core/pkg/model"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/flagd"
)

// ids is how many users there are. flagd takes 13 µs for a decision, so each of them is
// asked for with one of the flags, unless -all is given: then each with all.
const ids = 1_000_000

var all = flag.Bool("all", false, "ask flagd for every flag and each of the million users")

// id is the i-th user: UUIDs, numbers, names and texts that are neither.
func id(i int) string {
	switch i % 8 {
	case 0:
		return fmt.Sprint(i)
	case 1:
		return fmt.Sprintf("user-%d", i)
	case 2:
		return fmt.Sprintf("жук🙂\"\\\x00<%d>", i)
	default:
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], uint64(i)*0x9e3779b97f4a7c15)
		binary.LittleEndian.PutUint64(b[8:], uint64(i)*0xbf58476d1ce4e5b9)
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
}

// TestAMillionDecisionsAgree with Flag.On, at each percentage and for users who are
// named. One flagd decides otherwise for is a user who sees a button that is refused.
func TestAMillionDecisionsAgree(t *testing.T) {
	t.Parallel()
	named := []string{id(3), id(8), id(1), id(999_999), "жук", `b\s`}
	flags := []featureflag.Flag{
		newFlag(t, true, 0), newFlag(t, true, 1), newFlag(t, true, 100), newFlag(t, true, 1000), newFlag(t, true, 1250, named...),
		newFlag(t, true, 5000), newFlag(t, true, 9999, named...), newFlag(t, true, 10_000), newFlag(t, true, 0, named...), newFlag(t, false, 10_000, named...),
	}
	for i, f := range flags {
		from, to := i*ids/len(flags), (i+1)*ids/len(flags)
		if *all {
			from, to = 0, ids
		}
		t.Run(f.String(), func(t *testing.T) {
			path := written(t, f)
			e := newEngine(t, path)
			e.take(t, path)
			on, wrong := compare(t, e, f, from, to)
			t.Logf("%d of %d on, %d decided otherwise", on, to-from, wrong)
			for _, user := range append([]string{""}, f.Users()...) {
				if got, _ := e.on(t, map[string]any{"targetingKey": user}); got != f.On(user) {
					t.Errorf("%q: flagd says %t", user, got)
				}
			}
			if got, _ := e.on(t, nil); got != f.On("") {
				t.Errorf("nobody in particular: flagd says %t", got)
			}
		})
	}
}

// compare asks flagd for the users from … to and returns for how many it is on, and how many of the
// answers are others than Flag.On's.
func compare(t *testing.T, e engine, f featureflag.Flag, begin, end int) (on, wrong int64) {
	t.Helper()
	var ons, wrongs, next atomic.Int64
	const batch = 1000
	var running gosync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for {
				from := begin + int(next.Add(batch)) - batch
				if from >= end {
					return
				}
				for i := from; i < min(from+batch, end); i++ {
					user := id(i)
					got, reason := e.on(t, map[string]any{"targetingKey": user})
					if got {
						ons.Add(1)
					}
					if want := f.On(user); got != want || (reason == model.DisabledReason) == f.Enabled {
						if wrongs.Add(1) <= 5 {
							t.Errorf("%q, bucket %d: flagd says %t (%s), want %t", user, featureflag.Bucket(key, user), got, reason, want)
						}
					}
				}
			}
		})
	}
	running.Wait()
	return ons.Load(), wrongs.Load()
}

// TestEveryStepIsFlagds: at a user's own bucket and one step above it, for users all
// over the buckets, so that no boundary is off by one.
func TestEveryStepIsFlagds(t *testing.T) {
	t.Parallel()
	path := written(t, newFlag(t, false, 0))
	store, e := flagd.Open(path, key), newEngine(t, path)
	for i := range 50 {
		user := id(i * 19_999)
		bucket := featureflag.Percentage(featureflag.Bucket(key, user))
		for _, p := range []featureflag.Percentage{bucket, bucket + 1} {
			state, err := store.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			f := newFlag(t, true, p)
			if _, err := store.Write(t.Context(), featureflag.Change{Flag: f, Expect: state[key].Version}); err != nil {
				t.Fatal(err)
			}
			e.take(t, path)
			if got, _ := e.on(t, map[string]any{"targetingKey": user}); got != f.On(user) || got != (p > bucket) {
				t.Errorf("%q, bucket %d at %s%%: flagd says %t", user, bucket, p, got)
			}
		}
	}
}

// TestWhatAPersonWritesIsReadAsFlagdDoes: the forms that the store reads beside its own.
func TestWhatAPersonWritesIsReadAsFlagdDoes(t *testing.T) {
	t.Parallel()
	const seed = `{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}`
	for _, rest := range []string{
		`"state": "ENABLED", "defaultVariant": "on"`,
		`"state": "ENABLED", "defaultVariant": "off"`,
		`"state": "DISABLED", "defaultVariant": "on"`,
		`"state": "ENABLED", "defaultVariant": "on", "targeting": {}`,
		`"state": "ENABLED", "defaultVariant": "on", "targeting": null`,
		`"state": "ENABLED", "defaultVariant": "off", "targeting": {"fractional": [` + seed + `, ["on", 25], ["off", 75]]}`,
		`"state": "ENABLED", "defaultVariant": "on", "targeting": {"fractional": [` + seed + `, ["on", 1], ["off", 7]]}`,
		`"state": "ENABLED", "defaultVariant": "off", "targeting": {"fractional": [` + seed + `, ["on", 1], ["off", 0]]}`,
		`"state": "ENABLED", "defaultVariant": "off", "targeting": {"if": [{"in": [{"var": "targetingKey"}, []]}, "on", {"fractional": [` + seed + `, ["on", 123400], ["off", 876600]]}]}`,
		`"State": "ENABLED", "defaultVariant": "on", "state": "DISABLED"`,
		`"state": "ENABLED", "Targeting": {"fractional": [` + seed + `, ["on", 1], ["off", 1]]}, "defaultVariant": "off"`,
	} {
		path := filepath.Join(t.TempDir(), "flags.json")
		if err := os.WriteFile(path, []byte(`{"flags": {"`+key+`": {"variants": {"off": false, "on": true}, `+rest+`}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		state, err := flagd.Open(path, key).Load(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", rest, err)
		}
		e := newEngine(t, path)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.SetState(payload(path, content)); err != nil { // the schema may be offended: flagd decides all the same
			t.Fatal(err)
		}
		if _, wrong := compare(t, e, state[key], 0, 2000); wrong > 0 {
			t.Errorf("%s is read as %s; flagd decides otherwise for %d of 2000", rest, state[key], wrong)
		}
	}
}
