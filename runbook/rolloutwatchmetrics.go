package runbook

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clipper/clipperops/rollout"
)

// watchMetrics is what the watch shows of itself.
type watchMetrics struct {
	registry *prometheus.Registry

	leads, percentage, enabled, paused, halted, behind, evidence, last, took prometheus.Gauge
	rollbacks, unknown                                                       prometheus.Counter

	mu    sync.Mutex
	alive time.Time       // when a tick, or a try to lead, ended last
	away  map[string]bool // what cannot be reached at present
}

func newWatchMetrics(flag string) *watchMetrics {
	w := &watchMetrics{registry: prometheus.NewRegistry(), away: map[string]bool{}}
	labels := prometheus.Labels{"flag": flag}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "clipperops_rollout_" + name, Help: help, ConstLabels: labels})
		w.registry.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "clipperops_rollout_" + name, Help: help, ConstLabels: labels})
		w.registry.MustRegister(c)
		return c
	}
	w.leads = gauge("leads", "1 while this watch is the one that acts.")
	w.enabled = gauge("enabled", "1 while the flag is enabled.")
	w.percentage = gauge("percentage", "The flag's percentage.")
	w.paused = gauge("paused", "1 while the rollout is paused.")
	w.halted = gauge("halted", "1 after a rollback by itself, until a person resumes.")
	w.behind = gauge("instances_behind", "Instances that do not see the flag as it is set.")
	w.evidence = gauge("evidence_log10", "Evidence that more fail than is healthy, as a power of ten.")
	w.last = gauge("last_tick_timestamp_seconds", "When the watch last looked.")
	w.took = gauge("tick_seconds", "How long the last look took.")
	w.rollbacks = counter("rollbacks_total", "Changes the watch made.")
	w.unknown = counter("ticks_unknown_total", "Ticks of which nothing could be counted.")
	return w
}

// saw shows a tick.
func (w *watchMetrics) saw(r rollout.Report, took time.Duration, now time.Time) {
	actual := r.View.Actual()
	w.leads.Set(1)
	w.enabled.Set(number(actual.Enabled))
	w.percentage.Set(float64(actual.Percentage) / 100)
	w.paused.Set(number(r.View.State.Paused != nil))
	w.halted.Set(number(r.View.State.Halted != nil))
	w.evidence.Set(r.Evidence)
	w.last.Set(float64(r.At.UnixMilli()) / 1000)
	w.took.Set(took.Seconds())
	behind := 0
	for _, v := range r.Instances {
		if !v.Sees(r.View.Flag) {
			behind++
		}
	}
	w.behind.Set(float64(behind))
	if r.Sample.Problem != "" {
		w.unknown.Inc()
	}
	if r.Fired != "" && r.Failed == nil {
		w.rollbacks.Inc()
	}
	w.living(now)
}

func (w *watchMetrics) standby(now time.Time) {
	w.leads.Set(0)
	w.living(now)
}

func (w *watchMetrics) living(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alive = now
}

// problem notes whether something cannot be reached, and reports whether that is new.
func (w *watchMetrics) problem(what string, away bool) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed = w.away[what] != away
	w.away[what] = away
	return changed
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
