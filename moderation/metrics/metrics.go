// Package metrics counts what the moderation API does, under the names that
// Clipper's dashboards, alerts and gates know.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// None is the error_type of an operation that succeeded.
const None = "none"

// buckets are the bounds of the durations, in seconds. Those that a gate judges by
// must be bounds themselves: p95 below 0.2 or 0.3, p99 below 0.5, an alert at 1.
var buckets = []float64{.005, .01, .025, .05, .1, .2, .3, .5, 1, 2.5, 5, 10}

// Metrics are the service's metrics, in a registry of their own.
type Metrics struct {
	Registry *prometheus.Registry

	bans         *prometheus.CounterVec
	banDuration  *prometheus.HistogramVec
	denials      *prometheus.CounterVec
	audit        *prometheus.CounterVec
	errors       *prometheus.CounterVec
	httpDuration *prometheus.HistogramVec
}

// New registers the metrics.
func New() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		bans: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "moderation_ban_operations_total", Help: "Ban and unban operations on Twitch, by how they ended; error_type is the error's code, or none.",
		}, []string{"operation", "status", "error_type"}),
		banDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "moderation_ban_operation_duration_seconds", Help: "How long ban and unban operations took, Twitch included.", Buckets: buckets,
		}, []string{"operation"}),
		denials: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "moderation_permission_denials_total", Help: "Requests that were refused because the user may not, by the error's code.",
		}, []string{"reason"}),
		audit: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "moderation_audit_log_operations_total", Help: "Audit rows by action, and whether they could be written.",
		}, []string{"action", "status"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "moderation_api_errors_total", Help: "Errors shown to clients, by route and code.",
		}, []string{"endpoint", "error_code"}),
		httpDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "How long requests took, by route, method and status.", Buckets: buckets,
		}, []string{"route", "method", "status"}),
	}
	m.Registry.MustRegister(m.bans, m.banDuration, m.denials, m.audit, m.errors, m.httpDuration,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, operation := range []string{"ban", "unban"} {
		// A counter that is there from the start at 0 tells "none yet" from "not measured".
		m.bans.WithLabelValues(operation, "success", None)
		m.banDuration.WithLabelValues(operation)
	}
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{Registry: m.Registry, MaxRequestsInFlight: 4, Timeout: 5 * time.Second})
}

// Ban counts an operation ("ban" or "unban") that took so long and ended with this
// code; "" is success.
func (m *Metrics) Ban(operation, code string, took time.Duration) {
	status := "success"
	if code != "" {
		status = "error"
	} else {
		code = None
	}
	m.bans.WithLabelValues(operation, status, code).Inc()
	m.banDuration.WithLabelValues(operation).Observe(took.Seconds())
}

// Denied counts a refusal for want of permission.
func (m *Metrics) Denied(code string) { m.denials.WithLabelValues(code).Inc() }

// Audit counts an audit row; status is "success" or "failure".
func (m *Metrics) Audit(action, status string) { m.audit.WithLabelValues(action, status).Inc() }

// Error counts an error shown to a client. The endpoint is the route's pattern,
// never the path: paths are the clients' to invent.
func (m *Metrics) Error(endpoint, code string) { m.errors.WithLabelValues(endpoint, code).Inc() }

// Request counts a request; the route is the pattern.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.httpDuration.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}
