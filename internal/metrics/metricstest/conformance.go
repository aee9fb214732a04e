package metricstest

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// World is a source and the instances it scrapes.
type World struct {
	Source metrics.Source
	// Target is an instance that the source scrapes and that answers 503 as yet.
	Target func(t testing.TB) *Target
	// Forget takes it out of what is scraped.
	Forget func(t testing.TB, target *Target)
}

// longAgo is when a process began that has run for days.
func longAgo() time.Time { return time.Now().Add(-72 * time.Hour) }

// Conformance holds a source to what metrics promises.
func Conformance(t *testing.T, world func(t *testing.T) World) {
	for name, test := range map[string]func(*testing.T, World){
		"a counter's increase":                            testIncrease,
		"a counter that stands at zero":                   testZero,
		"no series":                                       testNoSeries,
		"a restarted instance":                            testRestart,
		"an instance that is scraped only now":            testNewlyScraped,
		"an instance that began within the window":        testBegan,
		"a series that appears in a known instance":       testAppears,
		"a series that is the first of its metric":        testFirstOfMetric,
		"an instance that is gone":                        testGone,
		"several series and instances":                    testSeveral,
		"labels with odd characters":                      testOddLabels,
		"a histogram":                                     testHistogram,
		"a histogram of a restarted instance":             testHistogramRestart,
		"NaN, infinite, negative and fractional counters": testNoCount,
		"expressions":                                     testExpressions,
		"wrong expressions":                               testWrong,
		"a caller who gives up":                           testGivesUp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, world(t))
		})
	}
}

// await waits until the last sample of a series, of all instances together, is
// the value.
func await(t *testing.T, w World, selector string, value float64) {
	t.Helper()
	awaitTrue(t, selector+" is "+strconv.FormatFloat(value, 'g', -1, 64), func() bool {
		now := time.Now()
		all, err := w.Source.Range(t.Context(), selector, now.Add(-time.Minute), now)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, s := range all {
			sum += s.Points[len(s.Points)-1].Value
		}
		return len(all) > 0 && (sum == value || math.IsNaN(sum) && math.IsNaN(value))
	})
}

func awaitTrue(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen within 2 minutes: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Begin is the beginning of a window, once each source has scraped every one of the
// instances in it. A scrape has the time of its start: one under way just now could answer
// with what the instance counts from now on, and be of before.
func Begin(t testing.TB, sources []metrics.Source, targets ...*Target) time.Time {
	t.Helper()
	from := time.Now()
	for _, source := range sources {
		for _, target := range targets {
			awaitTrue(t, target.Instance()+" is scraped", func() bool {
				all, err := source.Range(t.Context(), sel("up", target), from, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				return len(all) > 0
			})
		}
	}
	return from
}

func begin(t *testing.T, w World, targets ...*Target) time.Time {
	t.Helper()
	return Begin(t, []metrics.Source{w.Source}, targets...)
}

func wantCount(t *testing.T, w World, selector string, from time.Time, want int64) {
	t.Helper()
	n, err := metrics.Counts(t.Context(), w.Source, selector, from, time.Now())
	if err != nil || n != want {
		t.Errorf("%s counted %d, %v; want %d", selector, n, err, want)
	}
}

// sel narrows a selector to instances.
func sel(selector string, targets ...*Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, strings.ReplaceAll(t.Instance(), ".", `\\.`))
	}
	matcher := `instance=~"` + strings.Join(names, "|") + `"`
	if before, braced := strings.CutSuffix(selector, "}"); braced {
		return before + "," + matcher + "}"
	}
	return selector + "{" + matcher + "}"
}
