package httpapi

import (
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/appeals"
	"github.com/clipper/clipperops/moderation/problem"
)

// listAppeals lists all appeals to those who moderate, and to others their own.
func (a *api) listAppeals(r *request) (answer, error) {
	q := r.query("status", "user_id", "moderation_action_id", "limit", "cursor")
	filter := appeals.Filter{Status: oneOf(q, "status", appeals.Statuses), User: q.id("user_id"), Decision: q.id("moderation_action_id")}
	limit, after := q.limit(), cursor[appeals.Key](q)
	if q.err != nil {
		return answer{}, q.err
	}
	if !r.User.Moderates() {
		if filter.User != uuid.Nil && filter.User != r.User.ID {
			return answer{}, problem.New(problem.Forbidden, "only moderators and admins may see the appeals of others")
		}
		filter.User = r.User.ID
	}
	found, err := a.Appeals.List(r.Context(), filter, after, limit+1)
	if err != nil {
		return answer{}, err
	}
	return paged(found, limit, func(p appeals.Appeal) appeals.Key { return appeals.Key{CreatedAt: p.CreatedAt, ID: p.ID} })
}

// appealBody is what POST …/appeals is sent.
type appealBody struct {
	Decision string `json:"moderation_action_id"`
	Reason   string `json:"reason"`
}

func (a *api) appeal(r *request) (answer, error) {
	body, err := decode[appealBody](r)
	var decision uuid.UUID
	if err == nil {
		decision, err = parseID("moderation_action_id", body.Decision)
	}
	if err == nil {
		err = checkText("reason", body.Reason, 1, appeals.MaxText)
	}
	if err != nil {
		return answer{}, r.refuse(appeals.CreateEntry(r.User, r.Origin, decision), err)
	}
	appeal, err := a.Appeals.Create(r.Context(), r.User, r.Origin, decision, body.Reason)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, single{true, appeal}}, nil
}

// resolveBody is what POST …/appeals/{id}/resolve is sent.
type resolveBody struct {
	Decision   appeals.Ruling `json:"decision"`
	Resolution string         `json:"resolution"`
}

func (a *api) resolveAppeal(r *request) (answer, error) {
	id, body, err := a.ruling(r)
	if err != nil {
		return answer{}, r.refuse(appeals.ResolveEntry(r.User, r.Origin, id, body.Decision), err)
	}
	appeal, err := a.Appeals.Resolve(r.Context(), r.User, r.Origin, id, body.Decision, body.Resolution)
	if err != nil {
		return answer{}, err
	}
	return answer{body: single{true, appeal}}, nil
}

func (a *api) ruling(r *request) (uuid.UUID, resolveBody, error) {
	id, err := r.id()
	if err != nil {
		return uuid.Nil, resolveBody{}, err
	}
	if err := needModerator(r.User); err != nil {
		return id, resolveBody{}, err
	}
	body, err := decode[resolveBody](r)
	if err != nil {
		return id, resolveBody{}, err
	}
	if !slices.Contains(appeals.Rulings, body.Decision) {
		return id, resolveBody{}, problem.New(problem.InvalidRequest, "decision is not one of %s", list(appeals.Rulings))
	}
	return id, body, checkText("resolution", body.Resolution, 0, appeals.MaxText)
}
