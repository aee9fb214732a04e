package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSessionParamsAreThoseOfTheServersSession(t *testing.T) {
	t.Parallel()
	target, err := ParseTarget("postgres://a:b@db:5432/c?search_path=app&connect_timeout=3&role=owner&options=-c%20geqo%3Doff&sslsni=1&timezone=UTC")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"search_path": "app", "options": "-c geqo=off", "timezone": "UTC"}
	if diff := cmp.Diff(want, target.SessionParams()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
