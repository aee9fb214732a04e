package metrics_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
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

func TestSecretsStayWithTheirServer(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := serving(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for _, code := range []int{301, 302, 303, 307, 308} {
		server := serving(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/login?token="+r.Header.Get("Authorization"), code)
		})
		s := openPrometheus(t, metrics.Options{URL: server.URL, BearerToken: "s3cret", Tenant: "ours"})
		err := ask(t.Context(), s)
		wantUnavailable(t, err, 0, "redirects to "+other.URL+"/login", "configure its address")
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%d: the token is shown: %v", code, err)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d questions went elsewhere", n)
	}
}

func TestSecretsAreInNoError(t *testing.T) {
	t.Parallel()
	// A server that tells what it was sent, as some proxies do.
	echo := func(status int, kind string) *httptest.Server {
		return serving(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"status":"error","errorType":"`+kind+`","error":"refused: `+r.Header.Get("Authorization")+`"}`)
		})
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]metrics.Options{
		"token": {BearerToken: "s3cret"}, "token file": {BearerTokenFile: file},
		"password": {Username: "u", Password: "s3cret"}, "password file": {Username: "u", PasswordFile: file},
	} {
		for _, server := range []*httptest.Server{echo(400, "bad_data"), echo(200, "internal"), echo(500, "internal")} {
			o.URL = server.URL
			s := openPrometheus(t, o)
			err := ask(t.Context(), s)
			if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "dTpzM2NyZXQ=") {
				t.Errorf("%s: the error is %v", name, err)
			}
		}
	}
}

func TestOptionsThatCannotBeAreToldAtOnce(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for words, o := range map[string]metrics.Options{
		"is not given":                         {},
		"is not a URL":                         {URL: "http://u:s3cret@host:port%"},
		"begins with http:// or https://":      {URL: "prometheus:9090"},
		"names a host":                         {URL: "https://"},
		"holds a user name":                    {URL: "http://u:s3cret@host"},
		"ends before any ? or #":               {URL: "http://host/?token=s3cret"},
		"both a bearer token and a user":       {URL: "http://host", BearerToken: "s3cret", Username: "u", Password: "s3cret"},
		"token and a file":                     {URL: "http://host", BearerToken: "s3cret", BearerTokenFile: empty},
		"password and a file":                  {URL: "http://host", Username: "u", Password: "s3cret", PasswordFile: empty},
		"goes with a user name":                {URL: "http://host", Password: "s3cret"},
		"no colon":                             {URL: "http://host", Username: "u:", Password: "s3cret"},
		"two files":                            {URL: "https://host", CertFile: empty},
		"but its address begins with http://":  {URL: "http://host", CAFile: empty},
		"holds none in PEM":                    {URL: "https://host", CAFile: empty},
		"certificates for Prometheus cannot":   {URL: "https://host", CAFile: empty + "x"},
		"client certificate for Prometheus":    {URL: "https://host", CertFile: empty, KeyFile: empty},
		"is empty":                             {URL: "http://host", BearerTokenFile: empty},
		"cannot be read":                       {URL: "http://host", BearerTokenFile: empty + "x"},
		"bearer token for Prometheus has":      {URL: "http://host", BearerToken: "s3cret\r\nX: y"},
		"tenant for Prometheus has characters": {URL: "http://host", Tenant: "a\nb"},
	} {
		s, err := metrics.OpenPrometheus(o)
		if err == nil {
			t.Errorf("%s: %s is accepted", words, s)
			continue
		}
		if !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error does not say %q, or too much: %v", words, err)
		}
	}
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

func FuzzAnswer(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"le":"1"},"values":[[1782907205,"1"],[1782907206,"NaN"]]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"+Inf"]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`)
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[null,{"histograms":[[1,{}]]}]}}`)
	var body atomic.Value
	body.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, body.Load().(string))
	}))
	f.Cleanup(server.Close)
	source, err := metrics.OpenPrometheus(metrics.Options{URL: server.URL})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = source.Close() })
	f.Fuzz(func(t *testing.T, answer string) {
		body.Store(answer)
		known := func(err error) {
			switch {
			case err == nil, errors.Is(err, metrics.ErrNoData), errors.As(err, new(*metrics.Unavailable)),
				errors.As(err, new(*metrics.BadQuery)), errors.As(err, new(*metrics.BadSample)):
			default:
				t.Errorf("the error is %T: %v", err, err)
			}
		}
		from := time.Unix(1782907200, 0)
		n, err := metrics.Counts(t.Context(), source, "c", from, from.Add(time.Minute))
		if known(err); n < 0 {
			t.Errorf("counted %d", n)
		}
		_, err = metrics.Buckets(t.Context(), source, "c", from, from.Add(time.Minute))
		known(err)
		_, err = source.Instant(t.Context(), "c", from)
		known(err)
	})
}
