package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
)

// requestTimeout is how long a request may take in all. Twitch's rate limits are
// waited for within it.
const requestTimeout = 15 * time.Second

// retryMaintenance is what a client is told to wait while writes are off.
const retryMaintenance = 30 * time.Second

// serve is the handler of one route under one of its paths.
func (a *api) serve(route route, path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		seen := seenOf(ctx)
		seen.route = path
		user, err := a.admit(ctx, route, r)
		seen.user = user.ID
		var out answer
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			out, err = route.handle(&request{Request: r.WithContext(ctx), User: user, Origin: seen.origin, audit: a.Audit})
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.write(w, r, out)
	})
}

// admit refuses who may not come in here.
func (a *api) admit(ctx context.Context, route route, r *http.Request) (identity.User, error) {
	if route.writes && a.Maintenance != nil && a.Maintenance() {
		return identity.User{}, problem.New(problem.Maintenance, "Clipper is being maintained; nothing can be changed for the moment").WithRetry(retryMaintenance)
	}
	if route.access == anybody {
		return identity.User{}, nil
	}
	user, err := a.authenticate(ctx, r)
	if err != nil {
		return user, err
	}
	if route.access == moderators {
		return user, needModerator(user)
	}
	return user, nil
}

// denials are the codes that say that a user may not.
var denials = map[problem.Code]bool{
	problem.FeatureDisabled: true, problem.SiteModeratorsReadOnly: true, problem.NotAuthenticated: true, problem.InsufficientScopes: true,
	problem.NotBroadcaster: true, problem.NotModerator: true, problem.Forbidden: true, problem.UserBanned: true,
}

// fail shows the error to the client and notes it for the log and the metrics.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	seen := seenOf(r.Context())
	seen.err, seen.code = err, p.Code
	a.Metrics.Error(seen.route, string(p.Code))
	if denials[p.Code] {
		a.Metrics.Denied(string(p.Code))
	}
	writeProblem(w, p, seen.origin.RequestID)
}

func (a *api) write(w http.ResponseWriter, r *http.Request, out answer) {
	if out.status == 0 {
		out.status = http.StatusOK
	}
	send := func() error { return writeJSON(w, out.status, out.body) }
	if r, ok := out.body.(raw); ok {
		send = func() error { return r.send(w, out.status) }
	}
	if err := send(); err != nil {
		a.Log.WarnContext(r.Context(), "the answer could not be sent", slog.Any("error", err), slog.String("request_id", seenOf(r.Context()).origin.RequestID))
	}
}
