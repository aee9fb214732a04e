package httpapi

import (
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
)

// request is a request with what is known about it.
type request struct {
	*http.Request
	User   identity.User // the zero User where the route is open to anybody
	Origin auditlog.Origin
	audit  *auditlog.Log
	seen   *seen
}

// answer is what a handler says when nothing went wrong.
type answer struct {
	status int // default 200
	body   any // encoded as JSON, unless it is a sender
}

// sender is a body that is sent in a way of its own.
type sender interface {
	send(w http.ResponseWriter, status int) error
}

// refuse records an action that is refused before it reaches its service, and
// returns the error.
func (r *request) refuse(e auditlog.Entry, err error) error {
	r.audit.Refuse(r.Context(), e, err)
	return err
}

// id is the {id} of the path.
func (r *request) id() (uuid.UUID, error) {
	return parseID("the id in the path", r.PathValue("id"))
}

// parseID reads an id in its usual form.
func parseID(what, s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return uuid.Nil, problem.New(problem.InvalidRequest, "%s is not a uuid", what)
	}
	return id, nil
}

// bearer is the session's token, "" when there is none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// needModerator refuses who may not moderate.
func needModerator(u identity.User) error {
	if u.Moderates() {
		return nil
	}
	return problem.New(problem.Forbidden, "only moderators and admins may do that")
}
