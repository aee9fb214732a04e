package twitch_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	banRoute, unbanRoute = "POST /helix/moderation/bans", "DELETE /helix/moderation/bans"
	bannedRoute          = "GET /helix/moderation/banned"
	moderatorsRoute      = "GET /helix/moderation/moderators"
)

// pipes is a listener in memory, so that time in a synctest bubble goes on by itself.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var (
	owner = twitch.NewToken("owner-secret-token")
	mod   = twitch.NewToken("mod-secret-token")
)

// scene runs f in a bubble with a fake Twitch: user 1 is the broadcaster, 2 a moderator.
func scene(t *testing.T, f func(*testing.T, *twitchtest.Server, *twitch.Client), change ...func(*twitch.Config)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := twitchtest.New(twitchtest.Options{})
		scopes := []string{twitch.ScopeManageBans, twitch.ScopeReadModeration}
		fake.AddToken(twitchtest.Token{Access: owner.Reveal(), Refresh: "owner-refresh", UserID: "1", Scopes: scopes})
		fake.AddToken(twitchtest.Token{Access: mod.Reveal(), UserID: "2", Scopes: scopes})
		fake.AddModerator("1", "2")
		serve(t, fake, func(c *twitch.Client) { f(t, fake, c) }, change...)
	})
}

func serve(t *testing.T, handler http.Handler, f func(*twitch.Client), change ...func(*twitch.Config)) {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Hour, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(p) }()
	config := twitch.Config{
		URL: "http://twitch/helix", AuthURL: "http://twitch/oauth2", ClientID: "client", ClientSecret: twitch.NewToken("secret"), Dial: p.dial,
	}
	for _, c := range change {
		c(&config)
	}
	client, err := twitch.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		client.Close()
		_ = server.Close()
		time.Sleep(time.Hour) // of the bubble's: what comes late has come
		synctest.Wait()
	}()
	f(client)
}

func kind(err error) twitch.Kind {
	var e *twitch.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func wantKind(t *testing.T, err error, want twitch.Kind) {
	t.Helper()
	if kind(err) != want {
		t.Fatalf("error is %v; want kind %s", err, want)
	}
}

func wantNo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
