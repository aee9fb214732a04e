package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/problem"
)

// TestFromReportToAppeal: what the users of the API do all day, under both paths.
func TestFromReportToAppeal(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"/api/moderation", "/api/v1/moderation"} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			report := map[string]any{"content_type": "user", "content_id": s.author, "reason": "spam"}
			item := s.do(s.user, "POST", base+"/queue", report).wants(http.StatusCreated).id()
			if again := s.do(s.moderator, "POST", base+"/queue", report).wants(http.StatusOK).id(); again != item {
				t.Errorf("a second report opened %s", again)
			}
			var listed struct {
				Data []struct {
					ID          uuid.UUID `json:"id"`
					ReportCount int       `json:"report_count"`
				} `json:"data"`
				Next *string `json:"next_cursor"`
			}
			s.do(s.moderator, "GET", base+"/queue?status=pending", nil).wants(http.StatusOK).into(&listed)
			if len(listed.Data) != 1 || listed.Data[0].ID != item || listed.Data[0].ReportCount != 2 || listed.Next != nil {
				t.Errorf("the queue has %+v", listed)
			}

			decisions := base + "/queue/" + item.String() + "/decisions"
			s.do(s.user, "POST", decisions, map[string]any{"action": "reject"}).wants(http.StatusForbidden, problem.Forbidden)
			decision := s.do(s.moderator, "POST", decisions, map[string]any{"action": "reject", "reason": "it is spam"}).wants(http.StatusCreated).id()
			s.do(s.admin, "POST", decisions, map[string]any{"action": "approve"}).wants(http.StatusConflict, problem.Conflict)
			s.do(s.admin, "GET", base+"/decisions?queue_item_id="+item.String(), nil).wants(http.StatusOK)

			appeal := map[string]any{"moderation_action_id": decision, "reason": "it was a joke"}
			s.do(s.user, "POST", base+"/appeals", appeal).wants(http.StatusNotFound, problem.NotFound)
			id := s.do(s.author, "POST", base+"/appeals", appeal).wants(http.StatusCreated).id()
			s.do(s.author, "POST", base+"/appeals", appeal).wants(http.StatusConflict, problem.Conflict)
			resolve := base + "/appeals/" + id.String() + "/resolve"
			s.do(s.author, "POST", resolve, map[string]any{"decision": "approve"}).wants(http.StatusForbidden, problem.Forbidden)
			s.do(s.moderator, "POST", resolve, map[string]any{"decision": "reject", "resolution": "no"}).wants(http.StatusOK)
			s.do(s.moderator, "POST", resolve, map[string]any{"decision": "approve"}).wants(http.StatusConflict, problem.Conflict)
			s.do(s.author, "POST", base+"/appeals", appeal).wants(http.StatusCreated) // a rejected one may be followed by another

			for _, c := range []struct {
				action           auditlog.Action
				applied, refused int
			}{{auditlog.QueueReport, 2, 0}, {auditlog.QueueDecision, 1, 2}, {auditlog.AppealCreate, 2, 2}, {auditlog.AppealResolve, 1, 2}} {
				if applied, refused := s.audited(c.action, auditlog.Applied), s.audited(c.action, auditlog.Refused); applied != c.applied || refused != c.refused {
					t.Errorf("%s: %d applied and %d refused, want %d and %d", c.action, applied, refused, c.applied, c.refused)
				}
			}
			var audit struct {
				Data []map[string]any `json:"data"`
			}
			s.do(s.admin, "GET", base+"/audit-logs?action=queue_decision&limit=100", nil).wants(http.StatusOK).into(&audit)
			if len(audit.Data) != 3 {
				t.Errorf("%d rows about decisions", len(audit.Data))
			}
		})
	}
}
