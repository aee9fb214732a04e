package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// answering is a server of which every question gets the answer.
func answering(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	return serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func serving(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func openPrometheus(t *testing.T, o metrics.Options) metrics.Source {
	t.Helper()
	source, err := metrics.OpenPrometheus(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	return source
}

// ask asks both ways; the error is that of the first that fails.
func ask(ctx context.Context, source metrics.Source) error {
	_, err := source.Range(ctx, "up", noon, noon.Add(time.Minute))
	if err == nil {
		_, err = source.Instant(ctx, "up", noon)
	}
	return err
}

func TestWhatAQuestionIsSentWith(t *testing.T) {
	t.Parallel()
	var header atomic.Value
	var path atomic.Value
	server := serving(t, func(w http.ResponseWriter, r *http.Request) {
		header.Store(r.Header.Clone())
		path.Store(r.URL.Path)
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	})
	file := filepath.Join(t.TempDir(), "token")
	replace := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sent := func(s metrics.Source) http.Header {
		t.Helper()
		if _, err := s.Instant(t.Context(), "up", noon); err != nil {
			t.Fatal(err)
		}
		return header.Load().(http.Header)
	}
	replace("first")
	s := openPrometheus(t, metrics.Options{URL: server.URL + "/prom/", BearerTokenFile: file, Tenant: "clipper"})
	if h := sent(s); h.Get("Authorization") != "Bearer first" || h.Get("X-Scope-OrgID") != "clipper" || path.Load() != "/prom/api/v1/query" {
		t.Errorf("sent to %v: %v", path.Load(), h)
	}
	replace("second")
	if h := sent(s); h.Get("Authorization") != "Bearer second" {
		t.Errorf("the replaced token is not sent: %v", h)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err := s.Instant(t.Context(), "up", noon)
	wantUnavailable(t, err, 0, "the bearer token for Prometheus cannot be read")
	basic := openPrometheus(t, metrics.Options{URL: server.URL, Username: "u", Password: "p"})
	if h := sent(basic); h.Get("Authorization") != "Basic dTpw" || h.Get("X-Scope-OrgID") != "" {
		t.Errorf("sent: %v", h)
	}
	if text := s.String() + basic.String(); strings.Contains(text, "second") || !strings.Contains(text, server.URL) {
		t.Errorf("the sources are called %s", text)
	}
}

// Prometheus before 2.1, and proxies that let nobody POST, want GET.
func TestAServerThatWantsGET(t *testing.T) {
	t.Parallel()
	server := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`)
	})
	s := openPrometheus(t, metrics.Options{URL: server.URL})
	all, err := s.Instant(t.Context(), "2", noon)
	if err != nil || len(all) != 1 || all[0].Points[0].Value != 2 {
		t.Errorf("the answer is %v, %v", all, err)
	}
}

func TestAServersWordsAboutAnExpressionArePassedOn(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{
		400: `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": unknown function"}`,
		422: `{"status":"error","errorType":"execution","error":"it is an unknown function"}`,
	} {
		s := openPrometheus(t, metrics.Options{URL: answering(t, status, body).URL})
		err := ask(t.Context(), s)
		var wrong *metrics.BadQuery
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "unknown function") || !strings.Contains(err.Error(), "`up[60001ms]`") {
			t.Errorf("%d: %v", status, err)
		}
	}
}
