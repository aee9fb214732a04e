package runbook

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/clipper/clipperops/internal/metrics"
)

// metricsSource is where metrics are asked: a Prometheus server, or the instances themselves,
// scraped into a folder of this machine. The caller closes it.
func (s *Session) metricsSource() (metrics.Source, error) {
	m := s.Config.Rollout.Metrics
	if m.URL != "" {
		return metrics.OpenPrometheus(metrics.Options{
			URL: m.URL, Username: m.User, PasswordFile: string(m.PasswordFile), BearerTokenFile: string(m.TokenFile), Tenant: m.Tenant,
			CAFile: m.CAFile, CertFile: m.CertFile, KeyFile: m.KeyFile,
		})
	}
	scraper, err := s.scraper()
	if err != nil {
		return nil, err
	}
	return scraper, nil
}

// errNoMetrics says that nothing is configured.
var errNoMetrics = errors.New("no metrics are configured: set metrics.url in clipperops.yaml to a Prometheus server, or rollout.instances to what can be scraped")

// scraper is the Prometheus of our own.
func (s *Session) scraper() (*metrics.Scraper, error) {
	m := s.Config.Rollout.Metrics
	from := m.Targets
	if len(from) == 0 {
		from = s.Config.Rollout.Instances
	}
	if len(from) == 0 {
		return nil, errNoMetrics
	}
	dir := m.Dir
	if dir == "" {
		dir = filepath.Join(filepath.Dir(s.Config.ReportDir), "metrics", string(s.Config.Environment))
	}
	places := s.places(from)
	return metrics.OpenScrape(metrics.ScrapeOptions{
		Dir: dir, Now: s.Now,
		Discover: func(ctx context.Context) ([]string, error) {
			found, err := places.Find(ctx)
			for i, base := range found {
				found[i] = exposition(base)
			}
			return found, err
		},
	})
}

// exposition is where an instance shows its metrics.
func exposition(base string) string {
	u, err := url.Parse(base)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return base
	}
	return strings.TrimSuffix(base, "/") + "/metrics"
}

// asked is the source for one command: what is scraped is scraped once more first.
func (s *Session) asked(ctx context.Context) (metrics.Source, error) {
	src, err := s.metricsSource()
	if err != nil {
		var busy *metrics.Busy
		if errors.As(err, &busy) { // the watch scrapes; its samples are as good
			return metrics.OpenOnlooker(busy.Dir)
		}
		return nil, err
	}
	if scraper, ok := src.(*metrics.Scraper); ok {
		if err := scraper.Scrape(ctx); err != nil && ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), src.Close())
		} // what could not be scraped shows as no data
	}
	return src, nil
}
