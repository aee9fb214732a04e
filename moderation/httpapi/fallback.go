package httpapi

import (
	"net/http"
	"strings"

	"github.com/clipper/clipperops/moderation/problem"
)

// fallback answers as JSON where no route is: 404, or 405 with what is allowed.
func (a *api) fallback(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var allowed []string
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = m
			if _, pattern := mux.Handler(other); pattern != "" {
				allowed = append(allowed, m)
			}
		}
		if len(allowed) == 0 {
			a.fail(w, r, problem.New(problem.NotFound, "there is nothing here"))
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		a.fail(w, r, problem.New(problem.MethodNotAllowed, "this cannot be done here").WithDetail("allowed: %s", strings.Join(allowed, ", ")))
	})
}
