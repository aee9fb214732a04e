package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// guarded is a server that keeps what it was asked with: a Prometheus that knows nothing,
// and a webhook.
type guarded struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]bool // path and Authorization
}

func newGuarded(t *testing.T) *guarded {
	g := &guarded{seen: map[string]bool{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, basic := r.BasicAuth()
		_, _ = io.Copy(io.Discard, r.Body)
		g.mu.Lock()
		defer g.mu.Unlock()
		who := r.Header.Get("Authorization")
		if basic {
			who = user + ":" + password
		}
		g.seen[r.URL.Path+" "+who] = true
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`) //nolint:errcheck // whoever asked has gone
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *guarded) awaits(t *testing.T, path, who string) {
	t.Helper()
	pgtest.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.seen[path+" "+who]
	}, "it is asked "+path+" as "+who)
}

// rotates replaces a file as those do who rotate secrets: at once, by a new one.
func (p *program) rotates(name, secret string) {
	p.t.Helper()
	p.write(p.path(name+".new"), secret+"\n")
	if err := os.Chmod(p.path(name+".new"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(p.path(name+".new"), p.path(name)); err != nil {
		p.t.Fatal(err)
	}
}

// TestAWatchFollowsSecretsThatAreRotated: it runs for days, and asks with what the files
// hold now: the metrics' token or password, the webhook's token, the database's password.
// None of them is shown.
func TestAWatchFollowsSecretsThatAreRotated(t *testing.T) {
	t.Parallel()
	const query = "/api/v1/query"
	for name, c := range map[string]struct{ metrics, header string }{
		"token":    {"token_file: metrics-secret", "Bearer %s"},
		"password": {"user: me, password_file: metrics-secret", "me:%s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			login := pgtest.NewRole(t, "")
			target := pgtest.New(t, pgtest.Empty())
			pgtest.Exec(t, target, fmt.Sprintf("ALTER DATABASE %q OWNER TO %q", target.Database, login.User))
			g := newGuarded(t)
			p := newProgram(t, target)
			p.unset("DATABASE_URL")
			p.rotates("db", login.Password.Reveal())
			p.rotates("metrics-secret", "canary-1")
			p.rotates("hook", "canary-hook-1")
			p.rotates("hook-url", g.URL+"/canary-hook")
			p.write(p.path("clipperops.yaml"), fmt.Sprintf(`environments:
  staging:
    database: {host: %q, port: %d, user: %q, name: %q, sslmode: disable, password_file: db}
    metrics: {url: %q, %s}
    notify: {webhook_file: hook-url, webhook_token_file: hook}
`, target.Host, target.Port, login.User, target.Database, g.URL, c.metrics))

			p.wants(ops.ExitDone, "rollout start --env staging")
			w := p.start(strings.Fields("rollout watch --every 1s --env staging")...)
			g.awaits(t, query, fmt.Sprintf(c.header, "canary-1"))
			p.rotates("metrics-secret", "canary-2")
			g.awaits(t, query, fmt.Sprintf(c.header, "canary-2"))

			p.rotates("hook", "canary-hook-2")
			p.rotates("db", "canary-db-2")
			pgtest.Exec(t, target, fmt.Sprintf("ALTER ROLE %q PASSWORD 'canary-db-2'", login.User))
			pgtest.Exec(t, target, fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'", login.User))
			w.awaitSays("the watch reaches the database again")
			g.awaits(t, "/canary-hook", "Bearer canary-hook-2")
			w.signal(syscall.SIGTERM)
			if text := w.wants(ops.ExitDone); strings.Contains(text, "canary") {
				t.Errorf("a secret is shown:\n%s", text)
			}
		})
	}
}
