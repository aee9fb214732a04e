package metrics_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/metrics"
)

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
