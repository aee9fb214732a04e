package moderation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/moderation/appeals"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/httpapi"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/metrics"
	"github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/queue"
	"github.com/clipper/clipperops/moderation/settings"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
)

// The keys of the flags that the service asks.
const (
	FlagTwitch      = "twitch_moderation"
	FlagMaintenance = "maintenance"
)

// Flags are the keys of the flags that the service asks.
func Flags() []string { return []string{FlagTwitch, FlagMaintenance} }

// Limits of a connection. A client that sends slowly or much is let go before it
// holds a place that another could have.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 75 * time.Second // longer than the load balancers' in front
	maxHeaderBytes    = 16 << 10
)

// Server is the moderation API.
type Server struct {
	settings  settings.Settings
	log       *slog.Logger
	pool      *database.Pool
	flags     *featureflag.Live
	audit     *auditlog.Log
	metrics   *metrics.Metrics
	twitch    *twitch.Client
	validator *tokens.Validator // nil with the sessions of a development file
	handler   http.Handler
	stopping  atomic.Bool
}

// New puts a server together. It reads the flags' first state, so that no request
// is answered by guess; the database may still be away.
func New(ctx context.Context, s settings.Settings, store featureflag.Store, log *slog.Logger) (*Server, error) {
	srv := &Server{settings: s, log: log, metrics: metrics.New(), flags: featureflag.NewLive(store)}
	if err := srv.flags.Start(ctx); err != nil {
		return nil, fmt.Errorf("reading the flags from %s: %w", store, err)
	}
	verifier, err := identity.NewVerifier(identity.VerifierConfig{
		Secret: []byte(s.JWTSecret.Reveal()), JWKSURL: s.JWKSURL, Audience: s.JWTAudience, Issuer: s.JWTIssuer,
	})
	if err != nil {
		return nil, err
	}
	srv.twitch, err = twitch.New(twitch.Config{
		URL: s.TwitchURL, AuthURL: s.TwitchAuthURL, ClientID: s.TwitchClientID, ClientSecret: twitch.NewToken(s.TwitchClientSecret.Reveal()),
	})
	if err != nil {
		return nil, err
	}
	if srv.pool, err = database.Open(ctx, s.Database); err != nil {
		return nil, err
	}
	if err := srv.assemble(verifier); err != nil {
		srv.pool.Close()
		return nil, err
	}
	return srv, nil
}

// assemble makes the parts that need the pool.
func (srv *Server) assemble(verifier *identity.Verifier) error {
	sessions, err := srv.sessions()
	if err != nil {
		return err
	}
	srv.audit = auditlog.New(srv.pool, srv.log, func(a auditlog.Action, status string) { srv.metrics.Audit(string(a), status) })
	seals, err := page.NewSeals(srv.pageSecrets()...)
	if err != nil {
		return err
	}
	on := func(user uuid.UUID) bool { return srv.flags.On(FlagTwitch, user.String()) }
	srv.handler = httpapi.New(httpapi.Dependencies{
		Verifier: verifier,
		Users:    identity.NewUsers(srv.pool),
		Queue:    queue.New(srv.pool, srv.audit),
		Appeals:  appeals.New(srv.pool, srv.audit),
		Bans: bans.New(bans.Config{
			Pool: srv.pool, Audit: srv.audit, Sessions: sessions, Twitch: srv.twitch, On: on, Counters: srv.metrics, Log: srv.log,
		}),
		Pool: srv.pool, Seals: seals,
		Audit: srv.audit, Metrics: srv.metrics, Log: srv.log,
		Flags: srv.flags.Status, Flag: on, Instance: instance(),
		Ready:          srv.ready,
		Maintenance:    func() bool { return srv.flags.Enabled(FlagMaintenance) },
		TrustedProxies: srv.settings.TrustedProxies,
	})
	srv.observe()
	return nil
}

// pageSecrets are the secrets that the keys of the page's forms come from: the tokens'
// key with the one before it, or else the sessions' secret.
func (srv *Server) pageSecrets() []string {
	if srv.settings.TokenKey != "" {
		return []string{srv.settings.TokenKey.Reveal(), srv.settings.TokenKeyPrevious.Reveal()}
	}
	return []string{srv.settings.JWTSecret.Reveal()}
}

// sessions are the users' sessions with Twitch: the table's, or a development
// file's.
func (srv *Server) sessions() (tokens.Sessions, error) {
	if srv.settings.DevTokens != "" {
		content, err := os.ReadFile(srv.settings.DevTokens)
		if err != nil {
			return nil, fmt.Errorf("reading TWITCH_DEV_TOKENS: %w", err)
		}
		return tokens.ReadFixed(content)
	}
	var previous []string
	if key := srv.settings.TokenKeyPrevious.Reveal(); key != "" {
		previous = []string{key}
	}
	keys, err := tokens.NewKeyring(srv.settings.TokenKey.Reveal(), previous...)
	if err != nil {
		return nil, err
	}
	store := tokens.NewStore(srv.pool, keys)
	srv.validator = tokens.NewValidator(store, srv.twitch, srv.settings.TwitchClientSecret != "", srv.log)
	return store, nil
}

// instance is this process's name among several: in a container, the container's.
func instance() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return fmt.Sprintf("%s:%d", name, os.Getpid())
}

// Run serves until ctx ends, and then lets the requests that were accepted come to
// their end. listening is told where, once connections are accepted; it may be nil.
func (srv *Server) Run(ctx context.Context, listening func(api, metrics net.Addr)) error {
	defer srv.pool.Close()
	defer srv.twitch.Close()
	servers, err := srv.listen()
	if err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	loops.Go(func() { srv.flags.Run(background) })
	if srv.validator != nil {
		loops.Go(func() { srv.validator.Run(background) })
	}
	failed := make(chan error, len(servers))
	for _, s := range servers {
		go func() { failed <- s.http.Serve(s.listener) }()
	}
	if listening != nil {
		listening(servers[0].listener.Addr(), servers[len(servers)-1].listener.Addr())
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	err = errors.Join(err, srv.drain(servers))
	stop()
	loops.Wait()
	return err
}

// listened is a server with its listener.
type listened struct {
	http     *http.Server
	listener net.Listener
}

// listen opens the listeners: the API's, and that of the metrics when they have
// one of their own.
func (srv *Server) listen() ([]listened, error) {
	api := http.NewServeMux()
	api.Handle("/", srv.leaving(srv.handler))
	if srv.settings.MetricsAddr == "" {
		api.Handle("GET /metrics", srv.metrics.Handler())
	}
	wanted := []struct {
		address string
		handler http.Handler
	}{{srv.settings.Addr, api}}
	if srv.settings.MetricsAddr != "" {
		own := http.NewServeMux()
		own.Handle("GET /metrics", srv.metrics.Handler())
		wanted = append(wanted, struct {
			address string
			handler http.Handler
		}{srv.settings.MetricsAddr, own})
	}
	var servers []listened
	for _, w := range wanted {
		listener, err := net.Listen("tcp", w.address)
		if err != nil {
			for _, s := range servers {
				_ = s.listener.Close()
			}
			return nil, fmt.Errorf("listening: %w", err)
		}
		servers = append(servers, listened{&http.Server{
			Handler: w.handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(srv.log.Handler(), slog.LevelWarn),
		}, listener})
	}
	return servers, nil
}

// leaving tells clients, while the server stops, to come back on another
// connection: so none of them sends a request into one that is being closed.
func (srv *Server) leaving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if srv.stopping.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// drain first says at /ready that the server goes, and goes on serving for as long
// as load balancers need to see that; then it lets accepted requests end, and
// audit rows that are still being tried.
func (srv *Server) drain(servers []listened) error {
	srv.stopping.Store(true)
	time.Sleep(srv.settings.ShutdownDelay)
	ctx, cancel := context.WithTimeout(context.Background(), srv.settings.Shutdown)
	defer cancel()
	var all []error
	for _, s := range servers {
		if err := s.http.Shutdown(ctx); err != nil {
			all = append(all, fmt.Errorf("requests were still going on %s after the signal and were cut off", srv.settings.Shutdown))
			_ = s.http.Close()
		}
	}
	srv.audit.Wait(ctx)
	return errors.Join(all...)
}
