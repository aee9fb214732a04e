package httpapi

import "net/http"

// access is who may use a route.
type access int

const (
	anybody    access = iota // no session needed
	knownUser                // a valid session of a user who is not banned
	moderators               // … whose role is moderator or admin
	visitor                  // as knownUser, with the session in a cookie; is answered with HTML
)

// route is one endpoint, under all its paths.
type route struct {
	method string
	paths  []string
	access access
	writes bool // refused under maintenance
	handle func(*request) (answer, error)
}

// both are the two places where Clipper's clients look for a moderation endpoint.
func both(path string) []string {
	return []string{"/api/moderation/" + path, "/api/v1/moderation/" + path}
}

// routes are all endpoints. The access of those that write is checked by their
// handlers, since a refusal there leaves an audit row.
func (a *api) routes() []route {
	return []route{
		{http.MethodGet, []string{"/health"}, anybody, false, a.health},
		{http.MethodGet, []string{"/ready"}, anybody, false, a.ready},
		{http.MethodGet, []string{"/api/v1/features"}, anybody, false, a.features},
		{http.MethodGet, []string{"/openapi.yaml"}, anybody, false, a.openapi},

		{http.MethodGet, both("queue"), moderators, false, a.listQueue},
		{http.MethodPost, both("queue"), knownUser, true, a.report},
		{http.MethodPost, both("queue/{id}/decisions"), knownUser, true, a.decide},
		{http.MethodGet, both("decisions"), moderators, false, a.listDecisions},
		{http.MethodGet, both("appeals"), knownUser, false, a.listAppeals},
		{http.MethodPost, both("appeals"), knownUser, true, a.appeal},
		{http.MethodPost, both("appeals/{id}/resolve"), knownUser, true, a.resolveAppeal},
		{http.MethodGet, both("audit-logs"), moderators, false, a.listAudit},
	}
}
