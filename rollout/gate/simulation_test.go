package gate_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/clipper/clipperops/rollout/gate"
)

// The simulation: requests come as a Poisson process, each bad with the same chance, and
// are counted every 15 s; the plan's rules watch after each count.
const (
	healthyRuns  = 1000
	faultyRuns   = 1000
	asking       = 50                        // every so manieth run asks the rules after every tick
	healthyTicks = int(3 * time.Hour / step) // of a healthy run
	quietTicks   = int(30 * time.Minute / step)
	faultyTicks  = int(3 * time.Hour / step) // after which a fault counts as not found
)

// poisson draws by a table of the distribution.
type poisson struct{ cumulated []float64 }

func newPoisson(mean float64) poisson {
	var p poisson
	var sum float64
	for k := 0.0; sum < 1-1e-14 && k < mean+50*math.Sqrt(mean)+50; k++ {
		logs, _ := math.Lgamma(k + 1)
		sum += math.Exp(k*math.Log(mean) - mean - logs)
		p.cumulated = append(p.cumulated, sum)
	}
	return p
}

func (p poisson) draw(rng *rand.Rand) int64 {
	u := rng.Float64()
	if len(p.cumulated) < 40 { // from the beginning is faster, where most of it is
		k := 0
		for k < len(p.cumulated) && p.cumulated[k] < u {
			k++
		}
		return int64(k)
	}
	return int64(sort.SearchFloat64s(p.cumulated, u))
}

// atMost is the chance of k or fewer, exactly k's that of it alone.
func (p poisson) atMost(k int) float64 {
	switch {
	case k < 0:
		return 0
	case k >= len(p.cumulated):
		return 1
	}
	return p.cumulated[k]
}

func (p poisson) exactly(k int) float64 { return p.atMost(k) - p.atMost(k-1) }

// traffic is one tick's requests at a rate a minute and a share of bad ones.
type traffic struct{ bad, good poisson }

func newTraffic(rate, share float64) traffic {
	mean := rate * step.Minutes()
	return traffic{newPoisson(mean * share), newPoisson(mean * (1 - share))}
}

func (t traffic) tick(rng *rand.Rand, i int) gate.Tick {
	bad, good := t.bad.draw(rng), t.good.draw(rng)
	return gate.Tick{At: noon.Add(time.Duration(i+1) * step), Bad: bad, Total: bad + good, Known: true}
}

// rules are the plan's, as one watcher has them.
type rules struct {
	cusum      gate.CUSUM
	ticks      []gate.Tick
	bad, total []int64 // of all ticks before
	ask        bool    // the rules after every tick, not only when they can fire
	missed     bool    // a rule fired that could not have
}

func newRules(ask bool) *rules {
	const most = quietTicks + faultyTicks + 1
	return &rules{
		cusum: plan(), ask: ask,
		ticks: make([]gate.Tick, 0, most), bad: make([]int64, 1, most), total: make([]int64, 1, most),
	}
}

// see takes a tick and says which rule fires, if one does.
func (r *rules) see(t gate.Tick) string {
	r.ticks = append(r.ticks, t)
	r.bad = append(r.bad, r.bad[len(r.bad)-1]+t.Bad)
	r.total = append(r.total, r.total[len(r.total)-1]+t.Total)
	switch {
	case r.cusum.Add(t.Bad, t.Total):
		return "e-CUSUM"
	case r.fires(off):
		return "10% for 5 min"
	case r.fires(down):
		return "5% for 15 min"
	}
	return ""
}

// fires asks a rule. A rule can only fire where the bare comparison does, which takes a
// hundredth of the time; in the runs that ask always, that is what is tested.
func (r *rules) fires(rule gate.Sustained) bool {
	can := r.bare(rule.For, rule.Above)
	if !can && !r.ask {
		return false
	}
	recent := r.ticks[max(0, len(r.ticks)-int(rule.For/step)-1):]
	fires := rule.Watch(recent, recent[len(recent)-1].At).Verdict == gate.Fail
	r.missed = r.missed || fires && !can
	return fires
}

// bare is a rule as dashboards have it: a share over the last minutes, or over as many
// as there are, compared and nothing else.
func (r *rules) bare(over time.Duration, above float64) bool {
	now := len(r.ticks)
	from := max(0, now-int(over/step))
	return float64(r.bad[now]-r.bad[from]) > above*float64(r.total[now]-r.total[from])
}

// healthy is what happened in the runs at a healthy share: how many were rolled back,
// and how many bare rules would have rolled back.
type healthy struct{ rolledBack, bare10, bare2, missed int }

func simulateHealthy(rate, share float64, seed uint64) healthy {
	quiet := newTraffic(rate, share)
	outcomes := make([]healthy, healthyRuns)
	eachRun(healthyRuns, seed, func(run int, rng *rand.Rand) {
		r, o := newRules(run%asking == 0), &outcomes[run]
		for i := range healthyTicks {
			if r.see(quiet.tick(rng, i)) != "" {
				o.rolledBack = 1
			}
			if o.bare10 == 0 && r.bare(5*time.Minute, 0.10) {
				o.bare10 = 1
			}
			if o.bare2 == 0 && r.bare(5*time.Minute, 0.02) {
				o.bare2 = 1
			}
		}
		if r.missed {
			o.missed = 1
		}
	})
	var sum healthy
	for _, o := range outcomes {
		sum.rolledBack += o.rolledBack
		sum.bare10 += o.bare10
		sum.bare2 += o.bare2
		sum.missed += o.missed
	}
	return sum
}

// faulty is what happened in the runs in which, after half an hour of health, a fault
// began: how long each took to be found (ascending, +Inf never), and by which rule first.
type faulty struct {
	minutes []float64
	by      map[string]int
	early   int // rolled back before the fault began; not in minutes
}

func simulateFault(rate, share float64, seed uint64) faulty {
	quiet, fault := newTraffic(rate, 0.01), newTraffic(rate, share)
	minutes, by := make([]float64, faultyRuns), make([]string, faultyRuns)
	eachRun(faultyRuns, seed, func(run int, rng *rand.Rand) {
		r := newRules(run%asking == 0)
		for i := range quietTicks {
			if r.see(quiet.tick(rng, i)) != "" {
				minutes[run] = math.NaN()
				return
			}
		}
		minutes[run] = math.Inf(1)
		for i := range faultyTicks {
			if by[run] = r.see(fault.tick(rng, quietTicks+i)); by[run] != "" {
				minutes[run] = float64(i+1) * step.Minutes()
				return
			}
		}
	})
	f := faulty{by: map[string]int{}}
	for i, m := range minutes {
		if math.IsNaN(m) {
			f.early++
			continue
		}
		f.minutes = append(f.minutes, m)
		f.by[by[i]]++
	}
	sort.Float64s(f.minutes)
	return f
}

// quantile is the smallest time in which a share q of the faults was found.
func (f faulty) quantile(q float64) float64 {
	return f.minutes[int(math.Ceil(q*float64(len(f.minutes))))-1]
}

func (f faulty) found() int {
	return sort.SearchFloat64s(f.minutes, math.Inf(1))
}

// eachRun runs all of them on every core; a run's chance depends on the seed and its number alone.
func eachRun(runs int, seed uint64, one func(run int, rng *rand.Rand)) {
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() {
			for run := w; run < runs; run += workers {
				one(run, rand.New(rand.NewPCG(seed, uint64(run))))
			}
		})
	}
	all.Wait()
}

// promised is the bound on the share of healthy runs that are rolled back:
//
//   - by the e-CUSUM at most ticks/limit. Its mean M is an e-detector: at any stopping
//     time τ the mean of M is at most that of τ, whatever the share up to the null. With
//     τ the alarm or the end, whichever is first, Markov's inequality gives
//     P(alarm) ≤ E[τ]/limit ≤ ticks/limit. Of the traffic nothing is assumed but that
//     each request, given those before, is bad with a chance of the null at most.
//   - by each of the plan's rules at most the number of ticks times the chance that it
//     fires at one of them (Boole), that chance being computed from the distribution.
func promised(rate, share float64) float64 {
	bound := float64(healthyTicks) / plan().Limit
	for _, rule := range []gate.Sustained{off, down} {
		bound += float64(healthyTicks) * fires(rule, rate, share)
	}
	return min(bound, 1)
}

// fires is the chance that a rule fires at one tick, at its worst from the first at
// which enough of its window is known to that at which all is.
func fires(rule gate.Sustained, rate, share float64) float64 {
	z := gate.Z(1 - rule.Confidence)
	worst := 0.0
	ticks := int(rule.For / step)
	for known := ticks * 4 / 5; known <= ticks; known++ {
		mean := rate * step.Minutes() * float64(known)
		bad, good := newPoisson(mean*share), newPoisson(mean*(1-share))
		chance, most := 0.0, 0
		for k := int(rule.AtLeastBad); k < len(bad.cumulated); k++ {
			// The most good ones with which k bad ones fire; it grows with k.
			for {
				n := int64(k + most + 1)
				low, _ := gate.Wilson(int64(k), n, z)
				if low <= rule.Above || float64(k)/float64(n) <= rule.Above {
					break
				}
				most++
			}
			chance += bad.exactly(k) * good.atMost(most)
		}
		worst = max(worst, chance)
	}
	return worst
}
