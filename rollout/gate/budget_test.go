package gate_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clipper/clipperops/rollout/gate"
)

func TestABudgetInWords(t *testing.T) {
	t.Parallel()
	errors := gate.Budget{What: "errors", Threshold: 0.02, Alpha: 0.05}
	for _, c := range []struct {
		budget     gate.Budget
		bad, total int64
		verdict    gate.Verdict
		words      string
	}{
		{errors, 14, 2310, gate.Pass, "14 errors in 2,310 (0.6%, 95% 0.4–1.0%) < 2%"},
		{errors, 80, 2310, gate.Fail, "80 errors in 2,310 (3.5%, 95% 2.8–4.3%) > 2%"},
		{errors, 1, 100, gate.Hold, "1 error in 100 (1.0%, 95% 0.2–5.4%) not told from 2%"},
		{errors, 0, 0, gate.Hold, "0 errors in 0 (0.0%, 95% 0.0–100.0%) not told from 2%"},
		{errors, 1e9, 1e12, gate.Pass, "1,000,000,000 errors in 1,000,000,000,000 (0.1%, 95% 0.1–0.1%) < 2%"},
		// A bound that would be rounded to the threshold is written with the digits that tell.
		{errors, 172, 10_000, gate.Pass, "172 errors in 10,000 (1.72%, 95% 1.48–1.99%) < 2%"},
		{
			gate.Budget{What: "TWITCH_API_ERROR", Threshold: 0.005, Alpha: 0.05 / 4},
			3, 4000, gate.Pass, "3 TWITCH_API_ERROR in 4,000 (0.07%, 98.75% 0.02–0.29%) < 0.5%",
		},
		{
			gate.Budget{What: "losses", Threshold: 0.02, Alpha: 0.05, AtLeast: 1000},
			1, 900, gate.Hold, "1 loss in 900 (0.1%, 95% 0.0–0.6%) < 2%",
		},
	} {
		j := c.budget.Judge(c.bad, c.total)
		if j.Verdict != c.verdict || j.Words != c.words {
			t.Errorf("%d of %d: %s %q, want %s %q", c.bad, c.total, j.Verdict, j.Words, c.verdict, c.words)
		}
		if (j.Verdict == gate.Hold) != (j.Reason != "") {
			t.Errorf("%d of %d: %s with the reason %q", c.bad, c.total, j.Verdict, j.Reason)
		}
	}
}

// TestHowManyFaultlessRequestsPass: at 2% it takes more than z²(1−τ)/τ of them, 133 at
// 90% and 189 at 95%, and the hold before says how many are missing.
func TestHowManyFaultlessRequestsPass(t *testing.T) {
	t.Parallel()
	for alpha, want := range map[float64]int64{0.10: 133, 0.05: 189} {
		b := gate.Budget{What: "errors", Threshold: 0.02, Alpha: alpha}
		for n := range want {
			j := b.Judge(0, n)
			if j.Verdict != gate.Hold {
				t.Fatalf("alpha %v: %s after %d without an error, want a hold before %d", alpha, j.Verdict, n, want)
			}
			if j.More != want-n {
				t.Fatalf("alpha %v: %d without an error want %d more, want %d", alpha, n, j.More, want-n)
			}
		}
		if j := b.Judge(0, want); j.Verdict != gate.Pass {
			t.Errorf("alpha %v: %s after %d without an error, want a pass", alpha, j.Verdict, want)
		}
	}
}

func TestTooFewHoldWhateverTheySay(t *testing.T) {
	t.Parallel()
	b := gate.Budget{What: "errors", Threshold: 0.02, Alpha: 0.05, AtLeast: 500}
	for _, bad := range []int64{0, 1, 250, 499} {
		j := b.Judge(bad, 499)
		if j.Verdict != gate.Hold || j.Reason != "499 of at least 500 counted" {
			t.Errorf("%d of 499: %s, %q", bad, j.Verdict, j.Reason)
		}
		if j.More < 1 {
			t.Errorf("%d of 499: %d more are needed, want 1 at least", bad, j.More)
		}
	}
	if j := b.Judge(0, 500); j.Verdict != gate.Pass {
		t.Errorf("0 of 500: %s", j.Verdict)
	}
}

// TestMoreIsEnough: that many further ones of the same kind tell, and a tenth less do not.
func TestMoreIsEnough(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 5))
	held := 0
	for range 5000 {
		b := gate.Budget{Threshold: 0.001 + 0.2*rng.Float64(), Alpha: 0.001 + 0.2*rng.Float64()}
		n := 10_000 + rng.Int64N(1e6)
		k := int64(float64(n) * b.Threshold * (0.9 + 0.2*rng.Float64()))
		j := b.Judge(k, n)
		if j.Verdict != gate.Hold || j.More == 0 || k < 1000 {
			continue
		}
		held++
		share := float64(k) / float64(n)
		at := func(n int64) gate.Verdict { return b.Judge(int64(math.Round(share*float64(n))), n).Verdict }
		// The share can only be kept to one whole observation, hence the tenth.
		if then := n + j.More; at(then+then/10) == gate.Hold {
			t.Fatalf("%+v: %d of %d should tell with %d more", b, k, n, j.More)
		}
		if then := n + j.More; then-then/10 > n && at(then-then/10) != gate.Hold {
			t.Fatalf("%+v: %d of %d tells with a tenth less than %d more", b, k, n, j.More)
		}
	}
	if held < 500 {
		t.Fatalf("%d held; the test would prove little", held)
	}
	if j := (gate.Budget{Threshold: 0.5, Alpha: 0.05}).Judge(50, 100); j.More != 0 || !strings.Contains(j.Reason, "no number") {
		t.Errorf("at the threshold itself: %d more, %q", j.More, j.Reason)
	}
}

// TestTogetherSharesAlpha among them, and leaves what it was given.
func TestTogetherSharesAlpha(t *testing.T) {
	t.Parallel()
	alone := []gate.Budget{{What: "a", Threshold: 0.01, Alpha: 0.3}, {What: "b", Threshold: 0.005}, {What: "c", Threshold: 0.005}, {What: "d", Threshold: 0.005}}
	together := gate.Together(0.05, alone)
	for i, b := range together {
		if b.Alpha != 0.0125 || b.What != alone[i].What || b.Threshold != alone[i].Threshold {
			t.Errorf("%+v, want alpha 0.0125 and the rest as it was", b)
		}
	}
	if alone[0].Alpha != 0.3 {
		t.Error("the budgets given were changed")
	}
	if len(gate.Together(0.05, nil)) != 0 {
		t.Error("none together are some")
	}
}

func TestWhatCannotBeIsHeld(t *testing.T) {
	t.Parallel()
	sound := gate.Budget{What: "errors", Threshold: 0.02, Alpha: 0.05}
	for _, c := range []struct{ bad, total int64 }{{-1, 10}, {0, -1}, {11, 10}, {0, math.MaxInt64}, {math.MinInt64, math.MinInt64}} {
		if j := sound.Judge(c.bad, c.total); j.Verdict != gate.Hold || j.Reason == "" || j.Low != 0 || j.High != 1 {
			t.Errorf("%d of %d: %+v", c.bad, c.total, j)
		}
	}
	for _, b := range []gate.Budget{
		{Threshold: math.NaN(), Alpha: 0.05},
		{Threshold: 0, Alpha: 0.05},
		{Threshold: 1, Alpha: 0.05},
		{Threshold: 2, Alpha: 0.05}, // percent where a share is meant
		{Threshold: -0.1, Alpha: 0.05},
		{Threshold: math.Inf(1), Alpha: 0.05},
		{Threshold: 0.02, Alpha: math.NaN()},
		{Threshold: 0.02, Alpha: 0},
		{Threshold: 0.02, Alpha: 1},
		{Threshold: 0.02, Alpha: 1e-300},
		{Threshold: 0.02, Alpha: 0.05, AtLeast: -1},
		{},
	} {
		if b.Check() == nil {
			t.Errorf("%+v is found sound", b)
		}
		j := b.Judge(0, 1e6)
		if j.Verdict != gate.Hold || j.Reason == "" {
			t.Errorf("%+v: %s, %q", b, j.Verdict, j.Reason)
		}
		if _, err := json.Marshal(j); err != nil {
			t.Errorf("%+v: %v", b, err)
		}
	}
}

// TestNeverPassesWithLessThanNeeded, and one more bad one never makes it better.
func TestNeverPassesWithLessThanNeeded(t *testing.T) {
	t.Parallel()
	order := map[gate.Verdict]int{gate.Pass: 0, gate.Hold: 1, gate.Fail: 2}
	rng := rand.New(rand.NewPCG(3, 7))
	for range 20_000 {
		b := gate.Budget{Threshold: math.Pow(10, -3*rng.Float64()) * 0.99, Alpha: 0.001 + 0.5*rng.Float64(), AtLeast: rng.Int64N(300)}
		n := rng.Int64N(int64(math.Pow(10, 1+5*rng.Float64())))
		k := int64(float64(n) * math.Pow(rng.Float64(), 4))
		j := b.Judge(k, n)
		z := gate.Z(b.Alpha)
		if needed := z * z * (1 - b.Threshold) / b.Threshold; j.Verdict == gate.Pass && (float64(n) <= needed*(1-1e-9) || n < b.AtLeast) {
			t.Fatalf("%+v passed %d of %d, where %v are needed", b, k, n, needed)
		}
		if j.Verdict == gate.Pass && j.High >= b.Threshold || j.Verdict == gate.Fail && j.Low <= b.Threshold {
			t.Fatalf("%+v: %+v", b, j)
		}
		if k < n {
			if worse := b.Judge(k+1, n); order[worse.Verdict] < order[j.Verdict] {
				t.Fatalf("%+v: %d of %d is %s, but %d are %s", b, k, n, j.Verdict, k+1, worse.Verdict)
			}
		}
	}
}

// TestAJudgementIsJSON under the names that reports and the watcher's state know.
func TestAJudgementIsJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(gate.Budget{What: "errors", Threshold: 0.5, Alpha: 0.05}.Judge(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"verdict":"hold","bad":0,"total":0,"low":0,"high":1,"threshold":0.5,"confidence":0.95,` +
		`"words":"0 errors in 0 (0.0%, 95% 0.0–100.0%) not told from 50%","reason":"nothing was counted, which is neither good nor bad","more":4}`
	if string(text) != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}
