package queue_test

import (
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/queue"
)

type hall struct {
	t      *testing.T
	target config.Target
	queue  *queue.Queue
	from   auditlog.Origin

	user, other, moderator, admin identity.User
}

func newHall(t *testing.T) *hall {
	t.Helper()
	h := &hall{t: t, target: pgtest.New(t, pgtest.WithModeration()), from: auditlog.Origin{RequestID: "r"}}
	pool, err := database.Open(t.Context(), database.Config{URL: h.target.ConnString(), MaxConns: 8, Queue: 100, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	h.queue = queue.New(pool, auditlog.New(pool, slog.New(slog.DiscardHandler), nil))
	pgtest.Exec(t, h.target, "DELETE FROM moderation_queue")
	pgtest.Exec(t, h.target, "DELETE FROM moderation_audit_logs")
	for role, u := range map[string]*identity.User{"user": &h.user, "user ": &h.other, "moderator": &h.moderator, "admin": &h.admin} {
		role = strings.TrimSpace(role)
		id := pgtest.QueryValue[string](t, h.target, `INSERT INTO users (twitch_id, username, role) VALUES ($1, $1, $2) RETURNING id::text`, uuid.NewString(), role)
		*u = identity.User{ID: uuid.MustParse(id), Role: identity.Role(role)}
	}
	return h
}

// reported opens a case about the user.
func (h *hall) reported(about uuid.UUID) queue.Item {
	h.t.Helper()
	item, _, err := h.queue.Report(h.t.Context(), h.other, h.from, queue.Report{ContentType: queue.User, ContentID: about, Reason: "spam"})
	if err != nil {
		h.t.Fatal(err)
	}
	return item
}

func (h *hall) wantAudit(action auditlog.Action, outcome auditlog.Outcome, n int) {
	h.t.Helper()
	if got := pgtest.QueryValue[int](h.t, h.target, `SELECT count(*)::int FROM moderation_audit_logs WHERE action = $1 AND metadata->>'outcome' = $2`, string(action), string(outcome)); got != n {
		h.t.Errorf("%d rows say %s %s, want %d", got, action, outcome, n)
	}
}

func (h *hall) wantCode(err error, code problem.Code) {
	h.t.Helper()
	if p := problem.Of(err); p == nil || p.Code != code {
		h.t.Errorf("got %v, want %s", err, code)
	}
}

// TestReportsOfOneContentAreOneCase: also when they come at the same moment; each
// is counted, each reporter is noted once.
func TestReportsOfOneContentAreOneCase(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	content := uuid.New()
	var opened atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		by := []identity.User{h.user, h.other}[i%2]
		all.Go(func() {
			_, created, err := h.queue.Report(t.Context(), by, h.from, queue.Report{ContentType: queue.Comment, ContentID: content, Reason: "spam"})
			if err != nil {
				t.Error(err)
			}
			if created {
				opened.Add(1)
			}
		})
	}
	all.Wait()
	items, err := h.queue.List(t.Context(), queue.Filter{}, nil, 10)
	if err != nil || len(items) != 1 || opened.Load() != 1 {
		t.Fatalf("%d cases, opened %d times, %v", len(items), opened.Load(), err)
	}
	if i := items[0]; i.ReportCount != 20 || len(i.ReportedBy) != 2 || i.Status != queue.Pending || i.Priority != 50 {
		t.Errorf("%+v", i)
	}
	h.wantAudit(auditlog.QueueReport, auditlog.Applied, 20)
}

// TestACaseIsDecidedOnce: of many moderators at the same moment one decides, the
// others are told; each has an audit row.
func TestACaseIsDecidedOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	item := h.reported(h.user.ID)
	var decided, late atomic.Int32
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			_, after, err := h.queue.Decide(t.Context(), h.moderator, h.from, queue.Choice{Item: item.ID, Verdict: queue.Approve})
			switch p := problem.Of(err); {
			case err == nil && after.Status == queue.Approved && after.ReviewedBy != nil && after.ReviewedAt != nil:
				decided.Add(1)
			case p != nil && p.Code == problem.Conflict:
				late.Add(1)
			default:
				t.Errorf("%v %+v", err, after)
			}
		})
	}
	all.Wait()
	if decided.Load() != 1 || late.Load() != 9 {
		t.Errorf("%d decided, %d were late", decided.Load(), late.Load())
	}
	h.wantAudit(auditlog.QueueDecision, auditlog.Applied, 1)
	h.wantAudit(auditlog.QueueDecision, auditlog.Refused, 9)
	decisions, err := h.queue.Decisions(t.Context(), queue.DecisionFilter{Item: item.ID}, nil, 10)
	if err != nil || len(decisions) != 1 || decisions[0].Action != queue.Approve {
		t.Errorf("%+v %v", decisions, err)
	}
	// A new report of the same content is a new case.
	if again := h.reported(h.user.ID); again.ID == item.ID {
		t.Error("a decided case was opened again")
	}
}

// TestAnEscalatedCaseIsAnAdmins: a moderator is told so, an admin decides once.
func TestAnEscalatedCaseIsAnAdmins(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	item := h.reported(h.user.ID)
	decide := func(by identity.User, v queue.Verdict) error {
		_, _, err := h.queue.Decide(t.Context(), by, h.from, queue.Choice{Item: item.ID, Verdict: v})
		return err
	}
	if err := decide(h.moderator, queue.Escalate); err != nil {
		t.Fatal(err)
	}
	h.wantCode(decide(h.moderator, queue.Approve), problem.Conflict)
	h.wantCode(decide(h.admin, queue.Escalate), problem.Conflict)
	if err := decide(h.admin, queue.Reject); err != nil {
		t.Error(err)
	}
	h.wantCode(decide(h.admin, queue.Approve), problem.Conflict)
}

// TestABanIsWithItsDecision: the user is banned, or nothing at all was decided.
func TestABanIsWithItsDecision(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	decide := func(by identity.User, about uuid.UUID) error {
		_, _, err := h.queue.Decide(t.Context(), by, h.from, queue.Choice{Item: h.reported(about).ID, Verdict: queue.BanUser, Reason: "spam"})
		return err
	}
	h.wantCode(decide(h.moderator, h.admin.ID), problem.Forbidden)
	h.wantCode(decide(h.moderator, h.moderator.ID), problem.Forbidden)
	h.wantCode(decide(h.moderator, uuid.New()), problem.NotFound)
	if n := pgtest.QueryValue[int](t, h.target, "SELECT count(*)::int FROM moderation_decisions"); n != 0 {
		t.Errorf("%d decisions of those that were refused", n)
	}
	if err := decide(h.moderator, h.user.ID); err != nil {
		t.Fatal(err)
	}
	if err := decide(h.admin, h.moderator.ID); err != nil {
		t.Fatal(err)
	}
	if got := pgtest.QueryValue[string](t, h.target, `SELECT string_agg(u.is_banned::text || b.active::text, ' ') FROM users u JOIN user_bans b ON b.user_id = u.id WHERE u.id IN ($1, $2)`, h.user.ID, h.moderator.ID); got != "truetrue truetrue" {
		t.Errorf("banned: %q", got)
	}
	if target := pgtest.QueryValue[string](t, h.target, `SELECT target_user_id::text FROM moderation_audit_logs WHERE metadata->>'outcome' = 'applied' AND action = 'queue_decision' AND actor_id = $1`, h.moderator.ID); target != h.user.ID.String() {
		t.Errorf("the audit row is about %s", target)
	}
}

// TestEveryCaseIsOnOnePage: in order, over priorities, statuses and equal times,
// while the queue grows; and each filter leaves what it says.
func TestEveryCaseIsOnOnePage(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	pgtest.Exec(t, h.target, `INSERT INTO moderation_queue (content_type, content_id, reason, priority, status, assigned_to, reviewed_by, created_at)
		SELECT (ARRAY['comment', 'clip', 'user', 'submission'])[1 + n % 4], gen_random_uuid(), 'r', (n * 7) % 5 * 20,
		       (ARRAY['pending', 'approved', 'rejected', 'escalated', 'pending'])[1 + n % 5], CASE WHEN n % 2 = 0 THEN $1::uuid END, $1, timestamp '2026-01-01' + (n / 10) * interval '1 minute'
		FROM generate_series(1, 300) n`, h.moderator.ID)
	for _, c := range []struct {
		filter queue.Filter
		where  string
	}{
		{queue.Filter{}, "true"},
		{queue.Filter{Status: queue.Pending}, "status = 'pending'"},
		{queue.Filter{ContentType: queue.Clip}, "content_type = 'clip'"},
		{queue.Filter{Status: queue.Pending, AssignedTo: h.moderator.ID, ContentType: queue.User}, "status = 'pending' AND content_type = 'user' AND assigned_to IS NOT NULL"},
	} {
		want := pgtest.QueryColumn[string](t, h.target, "SELECT id::text FROM moderation_queue WHERE "+c.where+" ORDER BY priority DESC, created_at, id")
		var got []string
		var after *queue.Key
		for {
			items, err := h.queue.List(t.Context(), c.filter, after, 7)
			if err != nil {
				t.Fatal(err)
			}
			if len(items) == 0 {
				break
			}
			for _, i := range items {
				got = append(got, i.ID.String())
			}
			key := queue.KeyOf(items[len(items)-1])
			after = &key
		}
		if len(want) == 0 || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%+v: %d cases on pages, %d in the table, or in another order", c.filter, len(got), len(want))
		}
	}
}

// TestAPageInTheMiddleOfManyIsAsCheapAsTheFirst: the plan walks the index, for
// the first page and for one deep within a single priority.
func TestAPageInTheMiddleOfManyIsAsCheapAsTheFirst(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	pgtest.Exec(t, h.target, `INSERT INTO moderation_queue (content_type, content_id, reason, created_at)
		SELECT 'clip', gen_random_uuid(), 'r', timestamp '2026-01-01' + n * interval '1 second' FROM generate_series(1, 20000) n`)
	pgtest.Exec(t, h.target, "ANALYZE moderation_queue")
	middle := queue.Key{Priority: 50, CreatedAt: time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC), ID: uuid.New()}
	for name, after := range map[string]*queue.Key{"first": nil, "middle": &middle} {
		plan := strings.Join(pgtest.QueryColumn[string](t, h.target, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "+queue.ListSQL(queue.Filter{}, after, 20)), "\n")
		if strings.Contains(plan, "Seq Scan") || removed(plan) > 20 || !strings.Contains(plan, "idx_modqueue_status_priority") {
			t.Errorf("the %s page is not a walk along the index:\n%s", name, plan)
		}
	}
}

// removed is how many rows a plan read in vain: of those with the very time of the key
// there may be one or two.
func removed(plan string) (n int) {
	for _, found := range regexp.MustCompile(`Rows Removed by Filter: (\d+)`).FindAllStringSubmatch(plan, -1) {
		one, _ := strconv.Atoi(found[1])
		n += one
	}
	return n
}
