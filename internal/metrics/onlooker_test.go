package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// TestAnOnlookerSeesWhatAnotherScrapes: the same counts, while the other goes on, and
// nothing of it is left behind.
func TestAnOnlookerSeesWhatAnotherScrapes(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE sold_total counter\nsold_total %d\n", n.Load())
	}))
	t.Cleanup(shop.Close)
	now := time.Now().Truncate(time.Second)
	begin, dir := now, t.TempDir()
	s, err := OpenScrape(ScrapeOptions{Dir: dir, Targets: []string{shop.URL}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for i := range 20 {
		n.Store(int64(10 * i))
		if err := s.Scrape(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(15 * time.Second)
		if _, err := OpenScrape(ScrapeOptions{Dir: dir, Targets: []string{shop.URL}}); err == nil {
			t.Fatal("two scrape into one folder")
		}
		o, err := OpenOnlooker(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, gotErr := Counts(t.Context(), o, "sold_total", begin, now)
		want, wantErr := Counts(t.Context(), s, "sold_total", begin, now)
		if got != want || (gotErr == nil) != (wantErr == nil) || i > 1 && got != int64(10*i) {
			t.Errorf("after %d rounds the onlooker counts %d (%v), the other %d (%v)", i+1, got, gotErr, want, wantErr)
		}
		if _, err := o.Instant(t.Context(), "sum(sold_total)", now); err != nil {
			t.Error(err)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "tmp_*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := OpenOnlooker(filepath.Join(dir, "missing")); !os.IsNotExist(err) && err == nil {
		t.Error("a folder that is not there is opened")
	}
}
