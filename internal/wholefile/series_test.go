package wholefile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/wholefile"
)

var (
	series = wholefile.Series{Prefix: "db-", Suffix: ".sql.gz", Manifest: ".json"}
	// noon is 12:00:58 UTC: two seconds later the minute changes.
	noon = time.Date(2026, 2, 13, 13, 0, 58, 999, time.FixedZone("CET", 3600))
)

func TestNamesAreTheTimeInUTC(t *testing.T) {
	t.Parallel()
	if got := series.Name(noon); got != "db-20260213-120058.sql.gz" {
		t.Error(got)
	}
	if got := series.ManifestPath("/b/db-20260213-120058.sql.gz"); got != "/b/db-20260213-120058.json" {
		t.Error(got)
	}
	at, rest, ok := series.Parse("db-20260213-120058.sql.gz.partial")
	if !ok || rest != ".sql.gz.partial" || !at.Equal(noon.Truncate(time.Second)) || at.Location() != time.UTC {
		t.Error(at, rest, ok)
	}
	for _, foreign := range []string{"", "db-", "db-2026.sql.gz", "db-20261399-000000.sql.gz", "db-20260101-0000.5.sql.gz", "other-20260101-000000.sql.gz", "20260101-000000"} {
		if at, rest, ok := series.Parse(foreign); ok {
			t.Errorf("%q is taken for %s %s", foreign, at, rest)
		}
	}
}

// Guards against a file that replaces another's, or is described by another's manifest.
func TestTheNextFreeSecondIsTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "db-20260213-120058.sql.gz"), "published")
	put(t, filepath.Join(dir, "db-20260213-120059.json"), "a manifest alone")
	writing := replace(t, filepath.Join(dir, "db-20260213-120100.sql.gz"), "being written")
	defer writing.Discard()
	f, err := series.Create(dir, noon)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	if got := filepath.Base(f.Path()); got != "db-20260213-120101.sql.gz" {
		t.Error(got)
	}
	holds(t, dir, map[string]string{
		"db-20260213-120058.sql.gz": "published", "db-20260213-120059.json": "a manifest alone",
		"db-20260213-120100.sql.gz.partial": "being written", "db-20260213-120101.sql.gz.partial": "",
	})
}

func TestTooManyNamesThatAreTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for second := range 10 {
		put(t, filepath.Join(dir, series.Name(noon.Add(time.Duration(second)*time.Second))), "")
	}
	if _, err := series.Create(dir, noon); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if _, err := series.Create(filepath.Join(dir, "missing"), noon); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Guards against two writers with one name, and against those who look for the
// dead taking a file from between its making and its locking.
func TestWritersAndThoseWhoClearUpAtTheSameTime(t *testing.T) {
	t.Parallel()
	const writers, rounds = 10, 20
	for range rounds {
		dir := t.TempDir()
		want := map[string]string{}
		var mu sync.Mutex
		var running sync.WaitGroup
		for n := range writers {
			running.Go(func() {
				wholefile.RemoveDead(dir, func(string) bool { return true })
				f, err := series.Create(dir, noon)
				if err != nil {
					t.Error(err)
					return
				}
				defer f.Discard()
				text := fmt.Sprint("by ", n)
				_, err = f.Write([]byte(text))
				if err = errors.Join(err, f.Publish()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				want[filepath.Base(f.Path())] = text
			})
			running.Go(func() { wholefile.Dead(filepath.Join(dir, series.Name(noon)+wholefile.Suffix)) })
		}
		running.Wait()
		if len(want) != writers {
			t.Errorf("%d names for %d writers", len(want), writers)
		}
		holds(t, dir, want)
	}
}
