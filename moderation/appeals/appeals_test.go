package appeals_test

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/appeals"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/identity"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/queue"
)

// court has the appeals of a database in which cases can be decided.
type court struct {
	t       *testing.T
	target  config.Target
	queue   *queue.Queue
	appeals *appeals.Appeals

	user, other, moderator identity.User
}

var origin = auditlog.Origin{RequestID: "request-1"}

func newCourt(t *testing.T) *court {
	t.Helper()
	c := &court{t: t, target: pgtest.New(t, pgtest.WithModeration())}
	for _, table := range []string{"moderation_appeals", "moderation_queue", "moderation_audit_logs"} {
		pgtest.Exec(t, c.target, "DELETE FROM "+table)
	}
	pool, err := database.Open(t.Context(), database.Config{URL: c.target.ConnString(), MaxConns: 8, Queue: 100, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	audit := auditlog.New(pool, slog.New(slog.DiscardHandler), nil)
	c.queue, c.appeals = queue.New(pool, audit), appeals.New(pool, audit)
	for _, u := range []*identity.User{&c.user, &c.other, &c.moderator} {
		u.Role = identity.RoleUser
	}
	c.moderator.Role = identity.RoleModerator
	for _, u := range []*identity.User{&c.user, &c.other, &c.moderator} {
		u.ID = uuid.MustParse(pgtest.QueryValue[string](t, c.target, `INSERT INTO users (twitch_id, username, role) VALUES ($1, $1, $2) RETURNING id::text`, uuid.NewString(), string(u.Role)))
	}
	return c
}

// decided is a decision about the user.
func (c *court) decided(about identity.User) uuid.UUID {
	c.t.Helper()
	item, _, err := c.queue.Report(c.t.Context(), c.moderator, origin, queue.Report{ContentType: queue.User, ContentID: about.ID, Reason: "spam"})
	if err != nil {
		c.t.Fatal(err)
	}
	d, _, err := c.queue.Decide(c.t.Context(), c.moderator, origin, queue.Choice{Item: item.ID, Verdict: queue.Reject})
	if err != nil {
		c.t.Fatal(err)
	}
	return d.ID
}

func (c *court) appeal(by identity.User, decision uuid.UUID) appeals.Appeal {
	c.t.Helper()
	a, err := c.appeals.Create(c.t.Context(), by, origin, decision, "it was a joke")
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func (c *court) wantCode(err error, code problem.Code) {
	c.t.Helper()
	if p := problem.Of(err); p == nil || p.Code != code {
		c.t.Errorf("got %v, want %s", err, code)
	}
}

func (c *court) wantAudit(action auditlog.Action, outcome auditlog.Outcome, n int) {
	c.t.Helper()
	if got := pgtest.QueryValue[int](c.t, c.target, `SELECT count(*)::int FROM moderation_audit_logs WHERE action = $1 AND metadata->>'outcome' = $2`, string(action), string(outcome)); got != n {
		c.t.Errorf("%d rows say %s %s, want %d", got, action, outcome, n)
	}
}

// TestOneAppealIsPending, of however many at the same moment; each has its audit row.
// Once it is rejected there may be another.
func TestOneAppealIsPending(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	decision := c.decided(c.user)
	var made, late atomic.Int32
	var all sync.WaitGroup
	start := make(chan struct{})
	for range 20 {
		all.Go(func() {
			<-start
			a, err := c.appeals.Create(t.Context(), c.user, origin, decision, "it was a joke")
			switch p := problem.Of(err); {
			case err == nil && a.Status == appeals.Pending && a.DecisionID == decision && a.UserID == c.user.ID:
				made.Add(1)
			case p != nil && p.Code == problem.Conflict:
				late.Add(1)
			default:
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	close(start)
	all.Wait()
	if made.Load() != 1 || late.Load() != 19 {
		t.Errorf("%d made, %d late", made.Load(), late.Load())
	}
	c.wantAudit(auditlog.AppealCreate, auditlog.Applied, 1)
	c.wantAudit(auditlog.AppealCreate, auditlog.Refused, 19)
	pending, err := c.appeals.List(t.Context(), appeals.Filter{Decision: decision}, nil, 10)
	if err != nil || len(pending) != 1 {
		t.Fatalf("%d appeals, %v", len(pending), err)
	}
	if _, err := c.appeals.Resolve(t.Context(), c.moderator, origin, pending[0].ID, appeals.Reject, ""); err != nil {
		t.Fatal(err)
	}
	c.appeal(c.user, decision)
}

// TestOnlyWhomItIsAboutMayAppeal; to others it is not said whether there is such a
// decision.
func TestOnlyWhomItIsAboutMayAppeal(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	decision := c.decided(c.user)
	_, hidden := c.appeals.Create(t.Context(), c.other, origin, decision, "no")
	_, none := c.appeals.Create(t.Context(), c.other, origin, uuid.New(), "no")
	c.wantCode(hidden, problem.NotFound)
	c.wantCode(none, problem.NotFound)
	if hidden.Error() != none.Error() {
		t.Errorf("%v tells from %v that there is such a decision", hidden, none)
	}
	c.wantAudit(auditlog.AppealCreate, auditlog.Refused, 2)
}

// TestAnAppealIsResolvedOnce: of many moderators at the same moment one, and whoever
// comes later is told what was ruled.
func TestAnAppealIsResolvedOnce(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	a := c.appeal(c.user, c.decided(c.user))
	rulings := map[appeals.Ruling]appeals.Status{appeals.Approve: appeals.Approved, appeals.Reject: appeals.Rejected}
	var ruled atomic.Pointer[appeals.Appeal]
	var resolved, late atomic.Int32
	var all sync.WaitGroup
	for i := range 10 {
		ruling := appeals.Rulings[i%2]
		all.Go(func() {
			got, err := c.appeals.Resolve(t.Context(), c.moderator, origin, a.ID, ruling, "seen")
			switch p := problem.Of(err); {
			case err == nil && got.Status == rulings[ruling] && got.ResolvedAt != nil && *got.ResolvedBy == c.moderator.ID && *got.Resolution == "seen":
				resolved.Add(1)
				ruled.Store(&got)
			case p != nil && p.Code == problem.Conflict && p.Status == 409:
				late.Add(1)
			default:
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if resolved.Load() != 1 || late.Load() != 9 {
		t.Fatalf("%d resolved, %d late", resolved.Load(), late.Load())
	}
	_, err := c.appeals.Resolve(t.Context(), c.moderator, origin, a.ID, appeals.Approve, "")
	c.wantCode(err, problem.Conflict)
	if p := problem.Of(err); p.Detail != "it was "+string(ruled.Load().Status) {
		t.Errorf("told is %q", p.Detail)
	}
	c.wantAudit(auditlog.AppealResolve, auditlog.Applied, 1)
	c.wantAudit(auditlog.AppealResolve, auditlog.Refused, 10)
	_, err = c.appeals.Resolve(t.Context(), c.moderator, origin, uuid.New(), appeals.Approve, "")
	c.wantCode(err, problem.NotFound)
}

// TestNobodyRulesOnTheirOwn, whoever they are.
func TestNobodyRulesOnTheirOwn(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	admin := c.other
	admin.Role = identity.RoleAdmin
	a := c.appeal(c.other, c.decided(c.other))
	_, err := c.appeals.Resolve(t.Context(), admin, origin, a.ID, appeals.Approve, "")
	c.wantCode(err, problem.Forbidden)
	if left, err := c.appeals.List(t.Context(), appeals.Filter{Status: appeals.Pending}, nil, 10); err != nil || len(left) != 1 || left[0].ResolvedBy != nil {
		t.Errorf("%+v, %v", left, err)
	}
}

// TestAppealsAreListedOldestFirst, page by page without a gap or a repetition, also
// where two are of one moment, and by each filter.
func TestAppealsAreListedOldestFirst(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	var made []uuid.UUID
	for i := range 12 {
		by := []identity.User{c.user, c.other}[i%2]
		a := c.appeal(by, c.decided(by))
		made = append(made, a.ID)
		if i%3 == 0 {
			if _, err := c.appeals.Resolve(t.Context(), c.moderator, origin, a.ID, appeals.Approve, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	// In threes they are of one moment.
	for i, id := range made {
		pgtest.Exec(t, c.target, "UPDATE moderation_appeals SET created_at = '2026-03-01 12:00'::timestamp + make_interval(secs => $2) WHERE id = $1", id, i/3)
	}
	want := pgtest.QueryColumn[string](t, c.target, "SELECT id::text FROM moderation_appeals ORDER BY created_at, id")
	for _, size := range []int{1, 2, 5, 12, 100} {
		var seen []string
		var after *appeals.Key
		for {
			page, err := c.appeals.List(t.Context(), appeals.Filter{}, after, size)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page {
				seen = append(seen, a.ID.String())
			}
			if len(page) < size {
				break
			}
			last := page[len(page)-1]
			after = &appeals.Key{CreatedAt: last.CreatedAt, ID: last.ID}
		}
		if !slices.Equal(seen, want) {
			t.Errorf("in pages of %d: %v, want %v", size, seen, want)
		}
	}
	for name, f := range map[string]struct {
		filter appeals.Filter
		n      int
		fits   func(appeals.Appeal) bool
	}{
		"pending":         {appeals.Filter{Status: appeals.Pending}, 8, func(a appeals.Appeal) bool { return a.Status == appeals.Pending }},
		"approved":        {appeals.Filter{Status: appeals.Approved}, 4, func(a appeals.Appeal) bool { return a.Status == appeals.Approved }},
		"rejected":        {appeals.Filter{Status: appeals.Rejected}, 0, nil},
		"the user's":      {appeals.Filter{User: c.user.ID}, 6, func(a appeals.Appeal) bool { return a.UserID == c.user.ID }},
		"the user's open": {appeals.Filter{User: c.user.ID, Status: appeals.Pending}, 4, func(a appeals.Appeal) bool { return a.UserID == c.user.ID && a.Status == appeals.Pending }},
	} {
		list, err := c.appeals.List(t.Context(), f.filter, nil, 100)
		if err != nil || len(list) != f.n || slices.ContainsFunc(list, func(a appeals.Appeal) bool { return !f.fits(a) }) {
			t.Errorf("%s: %d of %d, %v", name, len(list), f.n, err)
		}
	}
}
