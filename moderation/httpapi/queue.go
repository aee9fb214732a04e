package httpapi

import (
	"net/http"
	"slices"

	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/queue"
)

func (a *api) listQueue(r *request) (answer, error) {
	q := r.query("status", "content_type", "assigned_to", "limit", "cursor")
	filter := queue.Filter{
		Status:      oneOf(q, "status", queue.Statuses),
		ContentType: oneOf(q, "content_type", queue.ContentTypes),
		AssignedTo:  q.id("assigned_to"),
	}
	limit, after := q.limit(), cursor[queue.Key](q)
	if q.err != nil {
		return answer{}, q.err
	}
	items, err := a.Queue.List(r.Context(), filter, after, limit+1)
	if err != nil {
		return answer{}, err
	}
	return paged(items, limit, queue.KeyOf)
}

// reportBody is what POST …/queue is sent.
type reportBody struct {
	ContentType queue.ContentType `json:"content_type"`
	ContentID   string            `json:"content_id"`
	Reason      string            `json:"reason"`
}

func (b reportBody) check() (queue.Report, error) {
	report := queue.Report{Reason: b.Reason}
	if !slices.Contains(queue.ContentTypes, b.ContentType) {
		return report, problem.New(problem.InvalidRequest, "content_type is not one of %s", list(queue.ContentTypes))
	}
	report.ContentType = b.ContentType
	id, err := parseID("content_id", b.ContentID)
	if err != nil {
		return report, err
	}
	report.ContentID = id
	return report, checkText("reason", b.Reason, 1, queue.MaxReason)
}

func (a *api) report(r *request) (answer, error) {
	body, err := decode[reportBody](r)
	var report queue.Report
	if err == nil {
		report, err = body.check()
	}
	if err != nil {
		return answer{}, r.refuse(queue.ReportEntry(r.User, r.Origin, report), err)
	}
	item, created, err := a.Queue.Report(r.Context(), r.User, r.Origin, report)
	if err != nil {
		return answer{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return answer{status, single{true, item}}, nil
}

// decisionBody is what POST …/queue/{id}/decisions is sent.
type decisionBody struct {
	Action queue.Verdict `json:"action"`
	Reason string        `json:"reason"`
}

// decided is a decision with the case as it is after it.
type decided struct {
	queue.Decision
	QueueItem queue.Item `json:"queue_item"`
}

func (a *api) decide(r *request) (answer, error) {
	choice, err := a.choice(r)
	if err != nil {
		return answer{}, r.refuse(queue.DecisionEntry(r.User, r.Origin, choice), err)
	}
	decision, item, err := a.Queue.Decide(r.Context(), r.User, r.Origin, choice)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, single{true, decided{decision, item}}}, nil
}

func (a *api) choice(r *request) (queue.Choice, error) {
	var choice queue.Choice
	id, err := r.id()
	if err != nil {
		return choice, err
	}
	choice.Item = id
	if err := needModerator(r.User); err != nil {
		return choice, err
	}
	body, err := decode[decisionBody](r)
	if err != nil {
		return choice, err
	}
	if !slices.Contains(queue.Verdicts, body.Action) {
		return choice, problem.New(problem.InvalidRequest, "action is not one of %s", list(queue.Verdicts))
	}
	choice.Verdict, choice.Reason = body.Action, body.Reason
	return choice, checkText("reason", body.Reason, 0, maxReason)
}

func (a *api) listDecisions(r *request) (answer, error) {
	q := r.query("queue_item_id", "moderator_id", "action", "limit", "cursor")
	filter := queue.DecisionFilter{Item: q.id("queue_item_id"), Moderator: q.id("moderator_id"), Action: oneOf(q, "action", queue.Verdicts)}
	limit, after := q.limit(), cursor[queue.DecisionKey](q)
	if q.err != nil {
		return answer{}, q.err
	}
	decisions, err := a.Queue.Decisions(r.Context(), filter, after, limit+1)
	if err != nil {
		return answer{}, err
	}
	return paged(decisions, limit, func(d queue.Decision) queue.DecisionKey { return queue.DecisionKey{CreatedAt: d.CreatedAt, ID: d.ID} })
}
