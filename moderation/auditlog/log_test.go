package auditlog_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/database"
	"github.com/clipper/clipperops/moderation/problem"
)

type bench struct {
	target config.Target
	pool   *database.Pool
	log    *auditlog.Log
	lines  *bytes.Buffer
	mu     sync.Mutex
	counts map[string]int
	actor  uuid.UUID
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{target: pgtest.New(t, pgtest.WithModeration()), lines: &bytes.Buffer{}, counts: map[string]int{}}
	pool, err := database.Open(t.Context(), database.Config{URL: b.target.ConnString(), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	b.pool = pool
	b.log = auditlog.New(pool, slog.New(slog.NewTextHandler(b.lines, nil)), func(a auditlog.Action, status string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.counts[string(a)+" "+status]++
	})
	b.actor = uuid.MustParse(pgtest.QueryValue[string](t, b.target, "SELECT id::text FROM users ORDER BY id LIMIT 1"))
	pgtest.Exec(t, b.target, "DELETE FROM moderation_audit_logs")
	return b
}

// TestAnActionIsRecordedWhoeverIsStillListening: the client has hung up, and its
// row is there all the same, with everything it says.
func TestAnActionIsRecordedWhoeverIsStillListening(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	outcome, code := auditlog.OutcomeOf(problem.New(problem.NotModerator, "not yours"))
	b.log.Record(gone, auditlog.Entry{
		Action: auditlog.TwitchBan, Actor: b.actor, EntityType: "twitch_user", EntityID: auditlog.TwitchUserID("9876"),
		Channel: auditlog.TwitchChannelID("1"), Reason: "spam\x00 and \xff", Outcome: outcome, Code: code,
		Details: map[string]any{"twitch_user_id": "9876"},
		Origin:  auditlog.Origin{RequestID: "r1", IP: netip.MustParseAddr("::ffff:192.0.2.7"), UserAgent: strings.Repeat("a", 900)},
	})
	rows, err := b.log.List(t.Context(), auditlog.Filter{Action: auditlog.TwitchBan}, nil, 10)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	r := rows[0]
	if r.ActorID != b.actor || r.Metadata["outcome"] != "refused" || r.Metadata["code"] != "NOT_MODERATOR" || r.Metadata["request_id"] != "r1" ||
		r.Metadata["twitch_user_id"] != "9876" || r.Reason == nil || *r.Reason != "spam and \uFFFD" || r.TargetUser != nil {
		t.Errorf("the row says %+v", r)
	}
	if since := time.Since(r.CreatedAt); since < -time.Minute || since > time.Minute {
		t.Errorf("it was written %s ago", since)
	}
	if ip := pgtest.QueryValue[string](t, b.target, "SELECT host(ip_address) || ' ' || length(user_agent) FROM moderation_audit_logs"); ip != "192.0.2.7 512" {
		t.Errorf("origin %q", ip)
	}
	if b.counts["twitch_ban_user success"] != 1 {
		t.Errorf("counted %v", b.counts)
	}
}

// TestAnAttemptSaysHowItEnded: and what it said before is kept.
func TestAnAttemptSaysHowItEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := auditlog.Entry{Action: auditlog.TwitchUnban, Actor: b.actor, EntityType: "twitch_user", Outcome: auditlog.Attempted, Details: map[string]any{"twitch_user_id": "5"}}
	var id uuid.UUID
	err := b.pool.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = b.log.Insert(ctx, tx, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.log.Complete(t.Context(), id, auditlog.Entry{Action: e.Action, Actor: b.actor, Outcome: auditlog.Failed, Code: problem.TwitchAPIError})
	got := pgtest.QueryValue[string](t, b.target, "SELECT metadata::text FROM moderation_audit_logs")
	for _, want := range []string{`"outcome": "failed"`, `"code": "TWITCH_API_ERROR"`, `"twitch_user_id": "5"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}

// TestARowThatCannotBeWrittenYetIsTriedAgain: the table is locked at first.
func TestARowThatCannotBeWrittenYetIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pool, err := database.Open(t.Context(), database.Config{URL: b.target.ConnString(), Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	held := pgtest.HoldTable(t, b.target, "moderation_audit_logs", "ACCESS EXCLUSIVE")
	log := auditlog.New(pool, slog.New(slog.DiscardHandler), nil)
	log.Record(t.Context(), auditlog.Entry{Action: auditlog.QueueReport, Actor: b.actor, EntityType: "clip", Outcome: auditlog.Applied})
	held.Release()
	log.Wait(t.Context())
	if n := pgtest.QueryValue[int](t, b.target, "SELECT count(*)::int FROM moderation_audit_logs"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// TestPagesHaveEveryRowOnce: also rows of one moment, and whatever is added meanwhile.
func TestPagesHaveEveryRowOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pgtest.Exec(t, b.target, `INSERT INTO moderation_audit_logs (action, entity_type, entity_id, moderator_id, actor_id, created_at)
		SELECT 'queue_report', 'clip', gen_random_uuid(), $1, $1, timestamp '2026-01-01' + (n / 3) * interval '1 second' FROM generate_series(1, 50) n`, b.actor)
	seen := map[uuid.UUID]bool{}
	var after *auditlog.Key
	for page := 0; ; page++ {
		rows, err := b.log.List(t.Context(), auditlog.Filter{Actor: b.actor, EntityType: "clip"}, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			if seen[r.ID] {
				t.Errorf("%s is on two pages", r.ID)
			}
			seen[r.ID] = true
		}
		last := rows[len(rows)-1]
		after = &auditlog.Key{CreatedAt: last.CreatedAt, ID: last.ID}
		pgtest.Exec(t, b.target, `INSERT INTO moderation_audit_logs (action, entity_type, entity_id, moderator_id, actor_id) VALUES ('queue_report', 'clip', gen_random_uuid(), $1, $1)`, b.actor)
	}
	if len(seen) != 50 {
		t.Errorf("%d rows of 50", len(seen))
	}
}

// TestOutcomes: a client's fault is a refusal, ours and Twitch's a failure.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want auditlog.Outcome
	}{
		{nil, auditlog.Applied},
		{problem.New(problem.RateLimitExceeded, "x"), auditlog.Refused},
		{problem.New(problem.TwitchAPIError, "x"), auditlog.Failed},
		{errors.New("x"), auditlog.Failed},
	} {
		if got, _ := auditlog.OutcomeOf(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
}
