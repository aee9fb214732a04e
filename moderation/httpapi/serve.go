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
		seen.route, seen.page = path, route.access == visitor
		user, err := a.admit(ctx, route, r)
		seen.user = user.ID
		var out answer
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			out, err = route.handle(&request{Request: r.WithContext(ctx), User: user, Origin: seen.origin, audit: a.Audit, seen: seen})
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
	if route.writes && a.maintained() {
		return identity.User{}, maintenance()
	}
	if route.access == anybody {
		return identity.User{}, nil
	}
	token := bearer(r)
	if route.access == visitor {
		// A browser sends its cookies whoever made the form.
		if err := crossOrigin.Check(r); err != nil {
			return identity.User{}, problem.New(problem.Forbidden, "the form was sent from another site").Because(err)
		}
		token = sessionToken(r)
	}
	user, err := a.authenticate(ctx, token)
	if err != nil {
		return user, err
	}
	if route.access == moderators {
		return user, needModerator(user)
	}
	return user, nil
}

// crossOrigin refuses what a browser sends on behalf of another site.
var crossOrigin = http.NewCrossOriginProtection()

// maintained reports whether writes are off for now.
func (a *api) maintained() bool { return a.Maintenance != nil && a.Maintenance() }

func maintenance() *problem.Problem {
	return problem.New(problem.Maintenance, "Clipper is being maintained; nothing can be changed for the moment").WithRetry(retryMaintenance)
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
	if seen.page {
		writeProblemPage(w, p, seen.origin.RequestID, seen.back)
		return
	}
	writeProblem(w, p, seen.origin.RequestID)
}

func (a *api) write(w http.ResponseWriter, r *http.Request, out answer) {
	if out.status == 0 {
		out.status = http.StatusOK
	}
	send := func() error { return writeJSON(w, out.status, out.body) }
	if own, ok := out.body.(sender); ok {
		send = func() error { return own.send(w, out.status) }
	}
	if err := send(); err != nil {
		a.Log.WarnContext(r.Context(), "the answer could not be sent", slog.Any("error", err), slog.String("request_id", seenOf(r.Context()).origin.RequestID))
	}
}
