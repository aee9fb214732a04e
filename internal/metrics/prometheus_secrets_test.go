package metrics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/clipper/clipperops/internal/metrics"
)

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
