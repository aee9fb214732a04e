package metricstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

func testExpressions(t *testing.T, w World) {
	a := w.Target(t)
	a.Start(longAgo(), map[string]float64{`g{of="x"}`: 2, `g{of="y"}`: 3})
	await(t, w, sel("g", a), 5)
	now := time.Now()
	for expr, want := range map[string]string{
		"1 + 1":                       "[{{} 2}]",
		"sum(" + sel("g", a) + ")":    "[{{} 5}]",
		"0 * " + sel("g", a) + " / 0": `[{{instance="A",job="clipper",of="x"} NaN} {{instance="A",job="clipper",of="y"} NaN}]`,
		"vector(7)":                   "[{{} 7}]",
	} {
		all, err := w.Source.Instant(t.Context(), expr, now)
		var got []string
		for _, s := range all {
			got = append(got, fmt.Sprintf("{%s %v}", s.Labels, s.Points[0].Value))
		}
		if text := strings.ReplaceAll(fmt.Sprint(got), a.Instance(), "A"); err != nil || text != want {
			t.Errorf("%s gives %s, %v; want %s", expr, text, err, want)
		}
	}
}

func testWrong(t *testing.T, w World) {
	now := time.Now()
	bad := func(what string, err error) {
		t.Helper()
		if wrong := (*metrics.BadQuery)(nil); !errors.As(err, &wrong) || wrong.What == "" || wrong.Where != w.Source.String() {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, expr := range []string{"sum(", `"text"`, "up[5m]", "nosuchfunction(up)", ""} {
		_, err := w.Source.Instant(t.Context(), expr, now)
		bad(expr, err)
	}
	for _, selector := range []string{"sum(up)", "up[5m]", "up offset 5m", "up @ 7", "{", "1", ""} {
		_, err := w.Source.Range(t.Context(), selector, now.Add(-time.Minute), now)
		bad(selector, err)
	}
	_, err := w.Source.Range(t.Context(), "up", now, now)
	bad("no window", err)
}

func testGivesUp(t *testing.T, w World) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Source.Instant(ctx, "up", time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
