package metrics

import (
	"context"
	"log/slog"
	"time"
)

// Options say how to reach a Prometheus server, or what speaks its HTTP API:
// Thanos, Mimir, VictoriaMetrics.
type Options struct {
	// URL of the server, a path prefix included: https://prometheus.internal/prom.
	URL string
	// BearerToken or BearerTokenFile, which is read again for each question.
	BearerToken     string
	BearerTokenFile string
	// Username and Password or PasswordFile: basic authentication.
	Username     string
	Password     string
	PasswordFile string
	// CAFile holds the certificates that the server's must come from. Default: the system's.
	CAFile string
	// CertFile and KeyFile are this client's certificate.
	CertFile string
	KeyFile  string
	// ServerName is the name the server's certificate must be for. Default: the URL's host.
	ServerName string
	// Tenant is sent as X-Scope-OrgID. Default: none.
	Tenant string
	// Timeout of one question. Default: 10 s.
	Timeout time.Duration
}

// ScrapeOptions say what the embedded Prometheus scrapes and where it keeps it.
type ScrapeOptions struct {
	// Dir holds the samples, kept from run to run. It is made when missing.
	Dir string
	// Targets are URLs of /metrics. Discover, when given, is asked instead, each round.
	Targets  []string
	Discover func(context.Context) ([]string, error)
	// Job is the label every sample gets. Default: clipper.
	Job string
	// Interval between rounds. Default: 15 s.
	Interval time.Duration
	// Timeout of one scrape. Default: the interval, at most 10 s.
	Timeout time.Duration
	// Retention is how long samples are kept. Default: 15 days.
	Retention time.Duration
	// Logger is told what the database has to say, and by Run which targets fail.
	// Default: nobody.
	Logger *slog.Logger
	// Now is the clock that samples are written with. Default: time.Now.
	Now func() time.Time
}
