package runbook

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/notify"
)

// TestChannelsFollowTheirSecrets: Slack's address is a secret, and Grafana's token; a message
// goes where the files say when it is sent.
func TestChannelsFollowTheirSecrets(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path+" "+r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	holds := func(name, secret string) config.SecretFile {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.SecretFile(path)
	}
	w := &watching{flow: &flow{Session: &Session{Config: &config.Config{Rollout: config.Rollout{Notify: config.Notify{
		Slack: holds("slack", server.URL+"/services/one"), Grafana: server.URL, GrafanaToken: holds("grafana", "one"),
	}}}}}}
	channels, err := w.channels()
	if err != nil || len(channels) != 2 {
		t.Fatalf("%d channels, %v", len(channels), err)
	}
	sends := func(title string) []string {
		t.Helper()
		mu.Lock()
		asked = nil
		mu.Unlock()
		for _, c := range channels {
			if err := c.Send(t.Context(), notify.Message{Key: title, Level: notify.Page, Title: title, At: time.Now(), Tags: []string{"rollout"}}); err != nil {
				t.Errorf("%s: %v", c, err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(asked)
	}
	if got, want := sends("first"), []string{"/services/one ", "/api/annotations Bearer one"}; !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
	holds("slack", server.URL+"/services/two")
	holds("grafana", "two")
	if got, want := sends("second"), []string{"/services/two ", "/api/annotations Bearer two"}; !slices.Equal(got, want) {
		t.Errorf("after rotating: asked %q, want %q", got, want)
	}
	holds("grafana", "")
	if err := channels[1].Send(t.Context(), notify.Message{Title: "third", At: time.Now()}); err == nil {
		t.Error("an empty file is no token")
	}
	holds("grafana", "three")
	if got, want := sends("fourth"), []string{"/services/two ", "/api/annotations Bearer three"}; !slices.Equal(got, want) {
		t.Errorf("after an empty file: asked %q, want %q", got, want)
	}
}
