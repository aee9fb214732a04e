package metrics_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// scrapeUntilKilled is what this program does when it is started again by a test.
func scrapeUntilKilled(dir, target string) {
	s, err := metrics.OpenScrape(metrics.ScrapeOptions{Dir: dir, Targets: []string{target}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("open")
	for {
		if err := s.Scrape(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
}

// counted is an instance whose counter says how often it was asked.
func counted(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		fmt.Fprintf(w, "asked_total %d\n", n)
		for i := range 200 { // more than fits into one page of the log
			fmt.Fprintf(w, "filler_total{i=\"%d\"} %d\n", i, n*int64(i))
		}
	})
	return server.URL + "/metrics", asked
}

// stored is what is on disk of the counter: every sample there is.
func stored(t *testing.T, s metrics.Source) []metrics.Point {
	t.Helper()
	all, err := s.Range(t.Context(), "asked_total", time.Now().Add(-time.Hour), time.Now().Add(time.Minute))
	if err != nil || len(all) > 1 {
		t.Fatalf("%v, %v", all, err)
	}
	if len(all) == 0 {
		return nil
	}
	return all[0].Points
}

// Whatever was being written: the samples of all scrapes but the one under way are
// there, in order, and it goes on.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url, asked := counted(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), "METRICS_TEST_SCRAPE_INTO="+dir, "METRICS_TEST_TARGET="+url)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewReader(out)
		if line, err := said.ReadString('\n'); line != "open\n" {
			t.Errorf("round %d: it says %q, %v", round, line, err)
		}
		_, err = metrics.OpenScrape(metrics.ScrapeOptions{Dir: dir, Targets: []string{url}})
		var busy *metrics.Busy
		if !errors.As(err, &busy) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d ", cmd.Process.Pid)) || !strings.Contains(err.Error(), dir) {
			t.Errorf("a second one is told %v", err)
		}
		before := asked.Load()
		eventually(t, "it scrapes", func() bool { return asked.Load() > before+int64(20+7*round) })
		_ = cmd.Process.Kill()
		_ = cmd.Wait()

		s, err := metrics.OpenScrape(metrics.ScrapeOptions{Dir: dir, Targets: []string{url}})
		if err != nil {
			t.Fatal(err)
		}
		points := stored(t, s)
		n := asked.Load()
		if have := int64(len(points)); have < n-int64(round)-1 {
			t.Errorf("round %d: of %d scrapes %d are there", round, n, have)
		}
		for i := 1; i < len(points); i++ {
			if points[i].Value <= points[i-1].Value {
				t.Fatalf("round %d: %v after %v", round, points[i], points[i-1])
			}
		}
		if err := s.Scrape(t.Context()); err != nil {
			t.Errorf("round %d: it does not go on: %v", round, err)
		}
		if points = stored(t, s); len(points) == 0 || points[len(points)-1].Value != float64(n+1) {
			t.Errorf("round %d: the last sample is not that of the last scrape", round)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What a machine that lost its power may leave at the end of the log.
func TestALogThatEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*os.File, int64) error{
		"cut":   func(f *os.File, size int64) error { return f.Truncate(size - 7) },
		"zeros": func(f *os.File, size int64) error { return f.Truncate(size + 5000) },
		"garbage": func(f *os.File, size int64) error {
			_, err := f.WriteAt([]byte(strings.Repeat("\xff?", 300)), size)
			return err
		},
		"flipped": func(f *os.File, size int64) error { _, err := f.WriteAt([]byte("\xa5\x5a"), size-40); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			url, _ := counted(t)
			s, err := metrics.OpenScrape(metrics.ScrapeOptions{Dir: dir, Targets: []string{url}})
			if err != nil {
				t.Fatal(err)
			}
			for range 30 {
				if err := s.Scrape(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			segments, err := filepath.Glob(filepath.Join(dir, "wal", "0*"))
			if err != nil || len(segments) == 0 {
				t.Fatalf("%v, %v", segments, err)
			}
			f, err := os.OpenFile(segments[len(segments)-1], os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			info, err := f.Stat()
			if err := errors.Join(err, damage(f, info.Size()), f.Close()); err != nil {
				t.Fatal(err)
			}
			again := openScrape(t, metrics.ScrapeOptions{Dir: dir, Targets: []string{url}})
			if n := len(stored(t, again)); n < 25 {
				t.Errorf("of 30 samples %d are left", n)
			}
			if err := again.Scrape(t.Context()); err != nil {
				t.Error(err)
			}
			points := stored(t, again)
			if points[len(points)-1].Value != 31 {
				t.Errorf("the last sample is %v", points[len(points)-1])
			}
		})
	}
}
