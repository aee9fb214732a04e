package httpapi

import "github.com/clipper/clipperops/moderation/auditlog"

func (a *api) listAudit(r *request) (answer, error) {
	q := r.query("action", "entity_type", "entity_id", "actor_id", "target_user_id", "channel_id", "since", "until", "limit", "cursor")
	filter := auditlog.Filter{
		Action: auditlog.Action(q.word("action")), EntityType: q.word("entity_type"), EntityID: q.id("entity_id"), Actor: q.id("actor_id"),
		TargetUser: q.id("target_user_id"), Channel: q.id("channel_id"), Since: q.moment("since"), Until: q.moment("until"),
	}
	limit, after := q.limit(), cursor[auditlog.Key](q)
	if q.err != nil {
		return answer{}, q.err
	}
	rows, err := a.Audit.List(r.Context(), filter, after, limit+1)
	if err != nil {
		return answer{}, err
	}
	return paged(rows, limit, func(row auditlog.Row) auditlog.Key { return auditlog.Key{CreatedAt: row.CreatedAt, ID: row.ID} })
}
