package httpapi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/problem"
)

// seen is what is learned of a request on its way, for the log and the metrics.
type seen struct {
	origin auditlog.Origin
	route  string // the pattern's path; never the path itself
	user   uuid.UUID
	page   bool   // it is a person who is answered
	back   string // for a person: the address to go on from after an error, "" = none
	code   problem.Code
	err    error
}

type seenKey struct{}

func seenOf(ctx context.Context) *seen {
	if s, ok := ctx.Value(seenKey{}).(*seen); ok {
		return s
	}
	return &seen{route: "unknown"}
}

// outermost is around everything: it gives the request its id, the answer its
// security headers, and sees to it that whatever happens is answered, logged and
// counted.
func (a *api) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		s := &seen{route: "unknown", origin: auditlog.Origin{RequestID: requestID(r), IP: a.client(r), UserAgent: r.UserAgent()}}
		answered := &recorder{ResponseWriter: w}
		secure(answered.Header())
		answered.Header().Set("X-Request-Id", s.origin.RequestID)
		r = r.WithContext(context.WithValue(r.Context(), seenKey{}, s))
		defer func() {
			if bug := recover(); bug != nil {
				if bug == http.ErrAbortHandler {
					panic(bug)
				}
				a.Log.ErrorContext(r.Context(), "ERROR moderation panic", slog.Any("panic", bug), slog.String("request_id", s.origin.RequestID), slog.String("stack", string(debug.Stack())))
				if answered.status == 0 {
					a.fail(answered, r, problem.New(problem.Internal, "something went wrong here"))
				}
			}
			took := time.Since(started)
			a.Metrics.Request(s.route, method(r.Method), answered.code(), took)
			a.note(r, s, answered.code(), took)
		}()
		next.ServeHTTP(answered, r)
	})
}

// note writes the request's line to the log: ids alone, no texts of users, no paths
// that a client has invented.
func (a *api) note(r *http.Request, s *seen, status int, took time.Duration) {
	level, text := slog.LevelInfo, "request"
	attributes := []slog.Attr{
		slog.String("request_id", s.origin.RequestID), slog.String("method", method(r.Method)), slog.String("route", s.route),
		slog.Int("status", status), slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}
	if s.user != uuid.Nil {
		attributes = append(attributes, slog.String("user_id", s.user.String()))
	}
	if s.code != "" {
		attributes = append(attributes, slog.String("code", string(s.code)))
		text = string(s.code)
	}
	if status >= 500 {
		level, text = slog.LevelError, "ERROR moderation "+text
		if s.err != nil {
			attributes = append(attributes, slog.String("error", s.err.Error()))
		}
	}
	a.Log.LogAttrs(r.Context(), level, text, attributes...)
}

var goodID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// requestID is the id that a proxy in front gave the request, if it is one that can
// stand in a log, or a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); goodID.MatchString(id) {
		return id
	}
	return rand.Text()
}

// client is the address that the request came from. What X-Forwarded-For says is
// believed from the right, as far as trusted proxies wrote it.
func (a *api) client(r *http.Request) netip.Addr {
	client := peer(r)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && a.trusted(client); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		client = hop.Unmap()
	}
	return client
}

// peer is the other end of the connection.
func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

func (a *api) trusted(client netip.Addr) bool {
	for _, p := range a.TrustedProxies {
		if p.Contains(client) {
			return true
		}
	}
	return false
}

// secure sets the headers of every answer: nothing here is to be framed, sniffed,
// cached by others, or to load anything.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// method is the request's method as a label: one that is unknown is a client's
// invention.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch, http.MethodOptions:
		return m
	}
	return "OTHER"
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
