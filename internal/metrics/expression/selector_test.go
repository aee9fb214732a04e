package expression_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/clipper/clipperops/internal/metrics/expression"
)

func TestAMistakeIsToldWithItsPlace(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 40)
	for text, want := range map[string]expression.Mistake{
		`c{a=="b"}`:                    {What: `unexpected "=" in label matching, expected string`, Line: 1, Column: 5, Near: `="b"}`},
		`c{a="b"`:                      {What: "unexpected end of input inside braces", Line: 1, Column: 8},
		"c{\n\ta=\"ü\",\n  b==\"x\"}":  {What: `unexpected "=" in label matching, expected string`, Line: 3, Column: 5, Near: `="x"}`},
		`c{ä="ü", b=="x"}`:             {What: `unexpected character inside braces: 'ä'`, Line: 1, Column: 3, Near: `ä="ü", b=="x"}`},
		`c{a="ü",b=="` + long + `"}`:   {What: `unexpected "=" in label matching, expected string`, Line: 1, Column: 11, Near: `="` + long[:22] + "…"},
		"c{a==\"b\"} # \x1b[31m\ttail": {What: `unexpected "=" in label matching, expected string`, Line: 1, Column: 5, Near: `="b"} #  [31m tail`},
		"sum(c)":                       {What: `it is to be a selector, like name{label="value"}, not a calculation: the samples themselves are counted`},
		"":                             {What: "no expression found in input", Line: 1, Column: 1},
	} {
		_, err := expression.ParseSelector(text)
		var m *expression.Mistake
		if !errors.As(err, &m) || *m != want {
			t.Errorf("%q: %#v, want %#v", text, m, want)
		}
	}
}

func TestWhatASelectorIsGoodFor(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct{ counter, buckets bool }{
		`c_total`:                        {true, false},
		`h_count{a="b"}`:                 {true, false},
		`h_bucket`:                       {false, true},
		`h_bucket{a!~"4.."}`:             {false, true},
		`{__name__="h_bucket"}`:          {false, true},
		`{__name__="h_count"}`:           {true, false},
		`{__name__=~"h_.*"}`:             {true, true}, // who knows
		`h_bucket{le="+Inf"}`:            {true, true},
		`h_bucket{le="0.3"}`:             {true, false},
		`h_bucket{le!="+Inf"}`:           {false, false},
		`h_bucket{le=~"0.1|0.3|\\+I.*"}`: {false, true},
	} {
		s, err := expression.ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		if counter, buckets := s.Counter(), s.Buckets(); (counter == nil) != c.counter || (buckets == nil) != c.buckets {
			t.Errorf("%s: as a counter %v, as buckets %v", text, counter, buckets)
		}
	}
}

// FuzzSelector guards against texts that make the parser panic, and against a selector
// that is accepted when a file is read and refused when its samples are asked for.
func FuzzSelector(f *testing.F) {
	for _, text := range []string{
		`c_total`, `c_total{a="b",c!~"4.."} # remark`, `{"with.dots",le="+Inf"}`, "c{a='\\x00'}", "c{a=`b`}", "c{",
		"sum(c)", "c offset 5m", "c @ start()", "c[5m]", "c{a=~\"(\"}", "{a=\"b\" or c=\"d\"}", "c anchored", "c\n{\n}", "\xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := expression.ParseSelector(text)
		if err != nil {
			var m *expression.Mistake
			if !errors.As(err, &m) || m.What == "" || m.Column > 1+utf8.RuneCountInString(text) || m.Line > 1+strings.Count(text, "\n") || strings.ContainsAny(m.Near, "\n\x1b") {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		again, err := expression.ParseSelector(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q is rendered as %q: %v", text, s, err)
		}
		samples, err := expression.PromQL.ParseExpr(s.Samples(time.Minute))
		if matrix, ok := samples.(*parser.MatrixSelector); err != nil || !ok || matrix.Range != time.Minute {
			t.Fatalf("the samples of %q are %q: %v", text, s.Samples(time.Minute), err)
		}
		_, _ = s.Counter(), s.Buckets()
	})
}
