package gate_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/rollout/gate"
)

var inf = math.Inf(1)

func TestSlow(t *testing.T) {
	t.Parallel()
	p95 := gate.Slow{Bound: 0.3, Share: 0.05, Alpha: 0.05}
	for _, c := range []struct {
		name    string
		slow    gate.Slow
		buckets []gate.Bucket
		verdict gate.Verdict
		words   string
		reason  string // a part of it
	}{
		{
			"a bucket at the bound, few above", p95,
			[]gate.Bucket{{0.1, 800}, {0.3, 980}, {1, 999}, {inf, 1000}},
			gate.Pass, "20 requests slower than 300 ms in 1,000 (2.0%, 95% 1.3–3.1%) < 5%", "",
		},
		{
			"a bucket at the bound, many above", p95,
			[]gate.Bucket{{0.1, 800}, {0.1 + 0.2, 900}, {1, 999}, {inf, 1000}},
			gate.Fail, "100 requests slower than 300 ms in 1,000 (10.0%, 95% 8.3–12.0%) > 5%", "",
		},
		{
			"a bucket at the bound, not told", p95,
			[]gate.Bucket{{0.3, 950}, {inf, 1000}},
			gate.Hold, "50 requests slower than 300 ms in 1,000 (5.0%, 95% 3.8–6.5%) not told from 5%", "no number of observations",
		},
		{
			"the bucket below has few above", p95,
			[]gate.Bucket{{0.1, 800}, {0.25, 980}, {0.5, 990}, {inf, 1000}},
			gate.Pass, "at most 20 requests slower than 300 ms (counted above 250 ms) in 1,000 (2.0%, 95% 0.5–3.1%) < 5%", "",
		},
		{
			"the bucket above has many above", p95,
			[]gate.Bucket{{0.1, 800}, {0.25, 880}, {0.5, 900}, {inf, 1000}},
			gate.Fail, "at least 100 requests slower than 300 ms (counted above 500 ms) in 1,000 (10.0%, 95% 8.3–14.2%) > 5%", "",
		},
		{
			"between the two buckets it cannot be told", p95,
			[]gate.Bucket{{0.1, 800}, {0.25, 900}, {0.5, 990}, {inf, 1000}},
			gate.Hold, "at most 100 requests slower than 300 ms (counted above 250 ms) in 1,000 (10.0%, 95% 0.5–12.0%) not told from 5%",
			`between 10 and 100 were slower: the histogram has no bucket at 300 ms; add one (le="0.3")`,
		},
		{
			"too few, but the bucket below would do", p95,
			[]gate.Bucket{{0.25, 40}, {inf, 40}},
			gate.Hold, "at most 0 requests slower than 300 ms (counted above 250 ms) in 40 (0.0%, 95% 0.0–8.8%) not told from 5%",
			`5% lies inside the interval; about 33 more would tell, if they come as these; the histogram has no bucket at 300 ms`,
		},
		{
			"only +Inf", p95,
			[]gate.Bucket{{inf, 1000}},
			gate.Hold, "at most 1,000 requests slower than 300 ms (counted above 0 s) in 1,000 (100.0%, 95% 0.0–100.0%) not told from 5%",
			`add one (le="0.3")`,
		},
		{
			"none at all",
			gate.Slow{What: "bans", Bound: 2, Share: 0.01, Alpha: 0.05},
			[]gate.Bucket{{2, 0}, {inf, 0}},
			gate.Hold, "0 bans slower than 2 s in 0 (0.0%, 95% 0.0–100.0%) not told from 1%", "nothing was counted",
		},
		{
			"fewer than wanted",
			gate.Slow{Bound: 0.3, Share: 0.05, Alpha: 0.05, AtLeast: 2000},
			[]gate.Bucket{{0.3, 1000}, {inf, 1000}},
			gate.Hold, "0 requests slower than 300 ms in 1,000 (0.0%, 95% 0.0–0.4%) < 5%", "1,000 of at least 2,000 counted",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := c.slow.Judge(c.buckets)
			if j.Verdict != c.verdict || j.Words != c.words {
				t.Errorf("%s %q\nwant %s %q", j.Verdict, j.Words, c.verdict, c.words)
			}
			if !strings.Contains(j.Reason, c.reason) || (j.Verdict == gate.Hold) != (j.Reason != "") {
				t.Errorf("the reason is %q, want %q in it", j.Reason, c.reason)
			}
		})
	}
}

// TestSlowWithoutTheBucketNeverContradicts what the bucket would have said: leaving it
// out leaves the verdict or makes it a hold.
func TestSlowWithoutTheBucketNeverContradicts(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 9))
	held, told := 0, 0
	for range 20_000 {
		s := gate.Slow{Bound: 0.3, Share: 0.01 + 0.2*rng.Float64(), Alpha: 0.05}
		scale := rng.Int64N(2000) + 1
		buckets := []gate.Bucket{{LE: 0.1}, {LE: 0.2}, {LE: 0.3}, {LE: 0.5}, {LE: inf}}
		var sum int64
		for i := range buckets {
			sum += rng.Int64N(1 + scale>>(2*i))
			buckets[i].Count = sum
		}
		with := s.Judge(buckets)
		without := s.Judge(slices.Delete(slices.Clone(buckets), 2, 3))
		switch without.Verdict {
		case with.Verdict:
			told++
		case gate.Hold:
			held++
		default:
			t.Fatalf("%+v of %v: %s with the bucket, %s without", s, buckets, with.Verdict, without.Verdict)
		}
	}
	if held < 1000 || told < 1000 {
		t.Fatalf("%d held and %d told; the test would prove little", held, told)
	}
}

func TestHistogramsThatCannotBe(t *testing.T) {
	t.Parallel()
	sound := []gate.Bucket{{0.1, 900}, {0.3, 1000}, {1, 1000}, {inf, 1001}}
	slow := gate.Slow{Bound: 0.3, Share: 0.05, Alpha: 0.05}
	slower := gate.Slower{Alpha: 0.05, Effect: 0.55}
	if v := slow.Judge(sound).Verdict; v != gate.Pass {
		t.Fatalf("a sound histogram: %s", v)
	}
	for name, buckets := range map[string][]gate.Bucket{
		"none":                nil,
		"without +Inf":        sound[:3],
		"decreasing":          {{0.1, 900}, {0.3, 800}, {inf, 1000}},
		"negative":            {{0.1, -1}, {0.3, 1000}, {inf, 1000}},
		"not in order":        {{0.3, 900}, {0.1, 1000}, {inf, 1000}},
		"one twice":           {{0.3, 900}, {0.3, 1000}, {inf, 1000}},
		"+Inf before the end": {{0.3, 900}, {inf, 1000}, {inf, 1000}},
		"NaN":                 {{math.NaN(), 900}, {0.3, 1000}, {inf, 1000}},
		"-Inf":                {{math.Inf(-1), 900}, {0.3, 1000}, {inf, 1000}},
		"more than 2^53":      {{0.3, 1 << 60}, {inf, 1 << 60}},
	} {
		for _, j := range []gate.Judgement{slow.Judge(buckets), slower.Judge(buckets, sound), slower.Judge(sound, buckets)} {
			if j.Verdict != gate.Hold || j.Reason == "" {
				t.Errorf("%s: %+v", name, j)
			}
		}
	}
	for _, s := range []gate.Slow{
		{Bound: 0, Share: 0.05, Alpha: 0.05},
		{Bound: math.NaN(), Share: 0.05, Alpha: 0.05},
		{Bound: inf, Share: 0.05, Alpha: 0.05},
		{Bound: 0.3, Share: 5, Alpha: 0.05},
		{Bound: 0.3, Share: 0.05},
		{Bound: 0.3, Share: 0.05, Alpha: 0.05, AtLeast: -1},
	} {
		if s.Check() == nil || s.Judge(sound).Verdict != gate.Hold {
			t.Errorf("%+v is judged by", s)
		}
	}
}

// TestABucketIsJSON, with the bound as Prometheus writes it: a recorded baseline is kept so.
func TestABucketIsJSON(t *testing.T) {
	t.Parallel()
	buckets := []gate.Bucket{{0.005, 1}, {0.3, 12}, {inf, 13}}
	text, err := json.Marshal(buckets)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"le":"0.005","count":1},{"le":"0.3","count":12},{"le":"+Inf","count":13}]`; string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
	var back []gate.Bucket
	if err := json.Unmarshal(text, &back); err != nil || !slices.Equal(back, buckets) {
		t.Errorf("%v, %v; want %v", back, err, buckets)
	}
	for _, bad := range []string{`{"le":0.3,"count":1}`, `{"le":"wide","count":1}`, `{"le":"1","count":1.5}`} {
		if err := json.Unmarshal([]byte(bad), new(gate.Bucket)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}
