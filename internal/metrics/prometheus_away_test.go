package metrics_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

// wantUnavailable wants nothing to be known, the words and the status.
func wantUnavailable(t *testing.T, err error, status int, words ...string) {
	t.Helper()
	var away *metrics.Unavailable
	if !errors.As(err, &away) {
		t.Errorf("the error is %T: %v", err, err)
		return
	}
	if away.Status != status {
		t.Errorf("the status is %d, want %d", away.Status, status)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
	if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("the error is not fit to be shown: %q", err)
	}
}

func TestAServerThatDoesNotAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	const fine = `{"status":"success","data":{"resultType":"vector","result":[]}}`
	for name, test := range map[string]struct {
		status int
		body   string
		words  []string
	}{
		"who asks":        {401, "no", []string{"401 Unauthorized", "who asks", "bearer token"}},
		"refused":         {403, "no", []string{"403 Forbidden", "refuses", "tenant"}},
		"no such path":    {404, "no", []string{"404 Not Found", "prefix"}},
		"asked too often": {429, "no", []string{"429", "too often"}},
		"broken":          {500, "no", []string{"500", "log"}},
		"starting":        {503, `{"status":"error","errorType":"unavailable","error":"starting"}`, []string{"503 Service Unavailable", "starting"}},
		"a page":          {200, "<html>log in</html>", []string{"not Prometheus's"}},
		"half an answer":  {200, `{"status":"success","data":{"resultTy`, []string{"not Prometheus's"}},
		"an empty answer": {200, ``, []string{"not Prometheus's"}},
		"nothing in it":   {200, `{}`, nil},
		"another type":    {200, `{"status":"success","data":{"resultType":"matrix","result":{}}}`, nil},
		"no numbers":      {200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}`, nil},
		"a vector for a range": {
			200, fine, []string{"something else"},
		},
		"not in order": {
			200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1782907205,"1"],[1782907204,"2"]]}]}}`,
			[]string{"order of time"},
		},
		"incomplete": {
			200, `{"status":"success","warnings":["store \u001b[31m gateway-1\n is away"],"data":{"resultType":"matrix","result":[]}}`,
			[]string{"incomplete", "gateway-1 is away"},
		},
		"an error it calls a success": {200, `{"status":"error","errorType":"internal","error":"disk"}`, []string{"disk"}},
		"a timeout of its own":        {200, `{"status":"error","errorType":"timeout","error":"query timed out"}`, []string{"timed out"}},
		"400 of another program":      {400, "Bad Request", []string{"could not answer", "400"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status := test.status
			if status == 200 || status == 400 {
				status = 0
			}
			s := openPrometheus(t, metrics.Options{URL: answering(t, test.status, test.body).URL})
			wantUnavailable(t, ask(t.Context(), s), status, test.words...)
		})
	}
}

func TestAServerThatHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	for name, handler := range map[string]http.HandlerFunc{
		"before its answer": func(http.ResponseWriter, *http.Request) { <-release },
		"within its answer": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":`)
			w.(http.Flusher).Flush()
			<-release
		},
	} {
		server := httptest.NewServer(handler)
		s := openPrometheus(t, metrics.Options{URL: server.URL, Timeout: 100 * time.Millisecond})
		err := ask(t.Context(), s)
		wantUnavailable(t, err, 0, "no answer within 100ms")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: not told to be a timeout: %v", name, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		patient := openPrometheus(t, metrics.Options{URL: server.URL})
		if err := ask(ctx, patient); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*metrics.Unavailable)) {
			t.Errorf("%s: a caller whose time is up gets %v", name, err)
		}
		cancel()
		t.Cleanup(server.Close)
	}
	close(release)
}

func TestAServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	s := openPrometheus(t, metrics.Options{URL: "http://" + l.Addr().String()})
	wantUnavailable(t, ask(t.Context(), s), 0, "cannot be reached", "connection refused", l.Addr().String())
}

func TestAnAnswerWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	server := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		// As a bomb: a few kilobytes on the wire.
		w.Header().Set("Content-Encoding", "gzip")
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			return
		}
		block := []byte(strings.Repeat(" ", 1<<20))
		for range 1 << 10 {
			if _, err := z.Write(block); err != nil {
				return
			}
		}
	})
	s := openPrometheus(t, metrics.Options{URL: server.URL, Timeout: 2 * time.Minute})
	wantUnavailable(t, ask(t.Context(), s), 0, "longer than 32 MB")
}
