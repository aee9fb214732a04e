package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
)

// What one target may say: an instance of ours says less than 1 MB.
const (
	maxExposition = 16 << 20
	maxSamples    = 100_000
)

// sample is a series' value in one scrape.
type sample struct {
	labels labels.Labels
	value  float64
}

func newScrapeClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        5 * time.Minute,
			MaxResponseHeaderBytes: 1 << 20,
		},
		CheckRedirect: refuseRedirect,
	}
}

// fetch asks one target.
func (s *Scraper) fetch(ctx context.Context, t *target) ([]sample, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4,*/*;q=0.1")
	resp, err := s.client.Do(req)
	if err != nil {
		if redirect := (*redirected)(nil); errors.As(err, &redirect) {
			return nil, redirect
		}
		return nil, s.slow(withoutAddress(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxExposition+1))
	if err != nil {
		return nil, s.slow(err)
	}
	if len(body) > maxExposition {
		return nil, fmt.Errorf("it says more than %d MB", maxExposition>>20)
	}
	return s.parse(t, body, resp.Header.Get("Content-Type"))
}

// slow names a timeout as such.
func (s *Scraper) slow(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", s.o.Timeout)
	}
	return err
}

// parse reads the text format, or OpenMetrics. Times that a target gives are not
// looked at: a sample is of the moment it was fetched.
func (s *Scraper) parse(t *target, body []byte, contentType string) ([]sample, error) {
	if mediaType, _, err := mime.ParseMediaType(contentType); err == nil && mediaType == "text/html" {
		return nil, errors.New("it answered with a page for people; is the address its /metrics?")
	}
	p, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{
		FallbackContentType: "text/plain", IgnoreNativeHistograms: true, OpenMetricsSkipSTSeries: true,
	})
	if p == nil {
		return nil, fmt.Errorf("it answered with what are no metrics: %w", err)
	}
	var all []sample
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("it answered with what are no metrics: %s", plain(err.Error(), 200))
		}
		if entry != textparse.EntrySeries {
			continue
		}
		if len(all) == maxSamples {
			return nil, fmt.Errorf("it has more than %d series", maxSamples)
		}
		var l labels.Labels
		p.Labels(&l)
		if !l.IsValid(model.UTF8Validation) {
			return nil, fmt.Errorf("it has a series with labels that cannot be: %s", plain(l.String(), 200))
		}
		_, _, v := p.Series()
		if math.IsNaN(v) {
			v = math.Float64frombits(value.NormalNaN) // none can pass for the mark of a stale series
		}
		all = append(all, sample{labels: s.labelled(t, l), value: v})
	}
}

// labelled adds job and instance, which are ours to say: what the target calls so
// is put aside, as Prometheus does.
func (s *Scraper) labelled(t *target, l labels.Labels) labels.Labels {
	b := labels.NewBuilder(l)
	for name, v := range map[string]string{"job": s.o.Job, "instance": t.instance} {
		if theirs := l.Get(name); theirs != "" {
			aside := "exported_" + name
			for l.Has(aside) {
				aside = "exported_" + aside
			}
			b.Set(aside, theirs)
		}
		b.Set(name, v)
	}
	return b.Labels()
}

// parseTargets reads addresses; they are told apart by host and port.
func parseTargets(urls []string) (map[string]*target, error) {
	all := map[string]*target{}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, errors.New("an instance to scrape is no address; for example http://10.0.0.5:8080/metrics")
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("the address of the instance %s has more than host, port and path", u.Host)
		}
		if u.Path == "" {
			u.Path = "/metrics"
		}
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
		}
		if all[u.Host] != nil {
			return nil, fmt.Errorf("the instance %s is listed twice; it would be counted twice", u.Host)
		}
		all[u.Host] = &target{url: u.String(), instance: u.Host}
	}
	return all, nil
}
