package gate_test

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/clipper/clipperops/rollout/gate"
)

// plan is the e-CUSUM that the plan's rules run beside.
func plan() gate.CUSUM { return gate.NewCUSUM(0.02, []float64{0.04, 0.08, 0.15, 0.30}, 1e4) }

// TestCUSUMIsTheProduct: computed with 200 binary digits and without a logarithm, the
// formula gives the same evidence, tick by tick, and the same alarms.
func TestCUSUMIsTheProduct(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 2022))
	power := func(x *big.Float, n int64) *big.Float {
		y := big.NewFloat(1).SetPrec(200)
		for range n {
			y.Mul(y, x)
		}
		return y
	}
	ratio := func(a, b float64) *big.Float {
		return new(big.Float).SetPrec(200).Quo(new(big.Float).SetPrec(200).SetFloat64(a), new(big.Float).SetPrec(200).SetFloat64(b))
	}
	one := big.NewFloat(1).SetPrec(200)
	alarms := 0
	for range 50 {
		c := plan()
		m := make([]*big.Float, len(c.Alternatives))
		for i := range m {
			m[i] = new(big.Float).Set(one)
		}
		share := 0.3 * rng.Float64()
		for range 100 {
			n := rng.Int64N(40)
			var k int64
			for range n {
				if rng.Float64() < share {
					k++
				}
			}
			sum := new(big.Float).SetPrec(200)
			for i, p := range c.Alternatives {
				if m[i].Cmp(one) < 0 {
					m[i].Set(one)
				}
				m[i].Mul(m[i], power(ratio(p, c.Null), k))
				m[i].Mul(m[i], power(ratio(1-p, 1-c.Null), n-k))
				sum.Add(sum, m[i])
			}
			mean := sum.Quo(sum, big.NewFloat(float64(len(m))))
			alarm := c.Add(k, n)
			if want := mean.Cmp(big.NewFloat(c.Limit)) >= 0; alarm != want {
				t.Fatalf("%d of %d: alarm %v, want %v", k, n, alarm, want)
			}
			if alarm {
				alarms++
			}
			exponent := mean.MantExp(mean)
			mantissa, _ := mean.Float64()
			if want := (math.Log2(mantissa) + float64(exponent)) * math.Log10(2); math.Abs(c.Evidence()-want) > 1e-9*(1+math.Abs(want)) {
				t.Fatalf("%d of %d: evidence %v, want %v", k, n, c.Evidence(), want)
			}
		}
	}
	if alarms < 100 {
		t.Fatalf("%d alarms; the test would prove little", alarms)
	}
}

// TestCUSUMGoesOnElsewhere: its JSON is its state.
func TestCUSUMGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	here := plan()
	for i := range int64(30) {
		here.Add(i%4, 30)
	}
	text, err := json.Marshal(here)
	if err != nil {
		t.Fatal(err)
	}
	var there gate.CUSUM
	if err := json.Unmarshal(text, &there); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if a, b := here.Add(2, 30), there.Add(2, 30); a != b || here.Evidence() != there.Evidence() {
			t.Fatalf("here %v at %v, there %v at %v", a, here.Evidence(), b, there.Evidence())
		}
	}
}

func TestCopiesOfACUSUMAreApart(t *testing.T) {
	t.Parallel()
	a := plan()
	a.Add(5, 30)
	b, before := a, a.Evidence()
	b.Add(20, 30)
	if a.Evidence() != before {
		t.Error("what a copy was told, the other knows")
	}
	b.Reset()
	if b.Evidence() != 0 || a.Evidence() != before {
		t.Errorf("after a reset the evidence is %v, the other's %v", b.Evidence(), a.Evidence())
	}
}

// TestCUSUMLeavesJunkAside: it neither fires nor clears.
func TestCUSUMLeavesJunkAside(t *testing.T) {
	t.Parallel()
	calm, alarmed := plan(), plan()
	for range 10 {
		alarmed.Add(9, 9)
	}
	for _, c := range []struct{ bad, total int64 }{{-1, 5}, {6, 5}, {0, -5}, {1, math.MaxInt64}, {math.MinInt64, 0}} {
		a, b := calm.Evidence(), alarmed.Evidence()
		if calm.Add(c.bad, c.total) || !alarmed.Add(c.bad, c.total) || calm.Evidence() != a || alarmed.Evidence() != b {
			t.Errorf("%d of %d changed something", c.bad, c.total)
		}
	}
	// As many as can be: no overflow, no NaN.
	many := plan()
	for range 1000 {
		if many.Add(1e10, 1e12) {
			t.Fatal("1% of 1e12 alarms")
		}
	}
	if !many.Add(3e11, 1e12) || math.IsNaN(many.Evidence()) || math.IsInf(many.Evidence(), 0) {
		t.Errorf("30%% of 1e12: evidence %v", many.Evidence())
	}
}

func TestCUSUMsThatCannotBe(t *testing.T) {
	t.Parallel()
	state := func(change func(*gate.CUSUM)) gate.CUSUM {
		c := plan()
		change(&c)
		return c
	}
	for name, c := range map[string]gate.CUSUM{
		"nothing":                {},
		"null 0":                 gate.NewCUSUM(0, []float64{0.1}, 1e4),
		"null NaN":               gate.NewCUSUM(math.NaN(), []float64{0.1}, 1e4),
		"null in percent":        gate.NewCUSUM(2, []float64{4}, 1e4),
		"no alternative":         gate.NewCUSUM(0.02, nil, 1e4),
		"alternative below null": gate.NewCUSUM(0.02, []float64{0.04, 0.01}, 1e4),
		"alternative 1":          gate.NewCUSUM(0.02, []float64{1}, 1e4),
		"limit is alpha":         gate.NewCUSUM(0.02, []float64{0.04}, 1e-4),
		"limit NaN":              gate.NewCUSUM(0.02, []float64{0.04}, math.NaN()),
		"limit Inf":              gate.NewCUSUM(0.02, []float64{0.04}, inf),
		"state NaN":              state(func(c *gate.CUSUM) { c.Logs[1] = math.NaN() }),
		"state Inf":              state(func(c *gate.CUSUM) { c.Logs[1] = inf }),
		"state of others":        state(func(c *gate.CUSUM) { c.Logs = c.Logs[:2] }),
	} {
		if c.Check() == nil {
			t.Errorf("%s: found sound", name)
		}
		if c.Add(1000, 1000) || !math.IsNaN(c.Evidence()) {
			t.Errorf("%s: judges", name)
		}
	}
	if c := plan(); c.Check() != nil || c.Evidence() != 0 {
		t.Errorf("the plan's: %v, evidence %v", c.Check(), c.Evidence())
	}
}

// The alarm lasts until more is added, or it is reset, and is none of a state that cannot be.
func TestTheAlarmLasts(t *testing.T) {
	t.Parallel()
	c := gate.NewCUSUM(0.02, []float64{0.04, 0.3}, 10_000)
	if c.Alarm() {
		t.Error("alarm of nothing")
	}
	if c.Add(20, 30); !c.Alarm() {
		t.Errorf("no alarm at 10^%.1f", c.Evidence())
	}
	if c.Reset(); c.Alarm() {
		t.Error("the alarm outlasts a reset")
	}
	c.Logs = nil
	if c.Alarm() {
		t.Error("alarm of no state")
	}
}
