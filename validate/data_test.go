package validate_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/release"
	"github.com/google/go-cmp/cmp"
)

// unchecked lets the next statement write what constraints and triggers refuse,
// as a restore with triggers off or a superuser's repair would.
const unchecked = `SET session_replication_role = replica;
	ALTER TABLE moderation_queue DROP CONSTRAINT moderation_queue_valid_status, DROP CONSTRAINT moderation_queue_valid_priority,
		DROP CONSTRAINT moderation_queue_valid_confidence, DROP CONSTRAINT moderation_queue_valid_content_type;
	ALTER TABLE moderation_decisions DROP CONSTRAINT moderation_decisions_valid_action;
	ALTER TABLE moderation_appeals DROP CONSTRAINT moderation_appeals_valid_status;`

func TestEachProbeFindsWhatItLooksFor(t *testing.T) {
	t.Parallel()
	item := "INSERT INTO moderation_queue (content_type, content_id, reason, "
	clip := ") VALUES ('clip', gen_random_uuid(), 'spam', "
	tests := map[string]struct{ sql, want string }{
		"orphaned_decisions": {"INSERT INTO moderation_decisions (queue_item_id, action) VALUES (gen_random_uuid(), 'approve')", "fail"},
		"orphaned_appeals":   {"INSERT INTO moderation_appeals (user_id, moderation_action_id, reason) SELECT id, gen_random_uuid(), 'x' FROM users LIMIT 1", "fail"},
		"orphaned_replies":   {"INSERT INTO forum_replies (thread_id, user_id, content) SELECT gen_random_uuid(), id, 'x' FROM users LIMIT 1", "fail"},
		"queue_status":       {item + "status" + clip + "NULL)", "fail"},
		"queue_priority":     {item + "priority" + clip + "101)", "fail"},
		"queue_confidence":   {item + "confidence_score" + clip + "1.5)", "fail"},
		"queue_content_type": {"INSERT INTO moderation_queue (content_type, content_id, reason) VALUES ('nothing', gen_random_uuid(), 'x')", "fail"},
		"queue_reviewed":     {item + "status" + clip + "'approved')", "warn"},
		"decision_action": {"WITH i AS (INSERT INTO moderation_queue (content_type, content_id, reason) VALUES ('clip', gen_random_uuid(), 'x') RETURNING id) " +
			"INSERT INTO moderation_decisions (queue_item_id, action) SELECT id, 'nothing' FROM i", "fail"},
		"appeal_status": {"WITH i AS (INSERT INTO moderation_queue (content_type, content_id, reason) VALUES ('clip', gen_random_uuid(), 'x') RETURNING id), " +
			"d AS (INSERT INTO moderation_decisions (queue_item_id, action) SELECT id, 'approve' FROM i RETURNING id) " +
			"INSERT INTO moderation_appeals (user_id, moderation_action_id, reason, status) SELECT u.id, d.id, 'x', 'nothing' FROM d, (SELECT id FROM users LIMIT 1) u", "fail"},
		"thread_reply_counts": {"INSERT INTO forum_threads (user_id, title, content, reply_count) SELECT id, 't', 'c', 1 FROM users LIMIT 1", "warn"},
		"thread_flag_counts":  {"INSERT INTO forum_threads (user_id, title, content, flag_count) SELECT id, 't', 'c', 1 FROM users LIMIT 1", "warn"},
		"audit_targets":       {"INSERT INTO moderation_audit_logs (action, entity_type, entity_id, moderator_id, actor_id) SELECT 'ban', 'user', id, id, id FROM users LIMIT 1", "warn"},
	}
	for _, p := range release.Moderation().Probes {
		test, tried := tests[p.ID]
		if !tried {
			t.Errorf("no test makes the probe %s find anything", p.ID)
			continue
		}
		t.Run(p.ID, func(t *testing.T) {
			t.Parallel()
			target := moderationAt(t, 97)
			pgtest.Exec(t, target, unchecked+test.sql)
			var data []ops.Result
			for _, r := range look(t, target, release.Moderation(), 97) {
				if strings.HasPrefix(r.ID, "validate.data.") {
					data = append(data, r)
				}
			}
			if diff := cmp.Diff([]string{test.want + " validate.data." + p.ID}, not(data)); diff != "" {
				t.Fatal(diff)
			}
			r := of(t, data, "validate.data."+p.ID)
			if !strings.Contains(r.Summary, "not so for 1 row") || len(r.Evidence) != 1 || !strings.HasPrefix(r.Evidence[0].Value, "{") {
				t.Errorf("%s %v", r.Summary, r.Evidence)
			}
			pgtest.Exec(t, target, r.Fix)
			after := of(t, look(t, target, release.Moderation(), 97), "validate.data."+p.ID)
			if after.Status != ops.StatusPass {
				t.Errorf("after the fix: %s %v", after.Summary, after.Evidence)
			}
		})
	}
}

func TestManyRowsAreCountedAndAFewShown(t *testing.T) {
	t.Parallel()
	target := moderationAt(t, 97)
	pgtest.Exec(t, target, unchecked+
		"INSERT INTO moderation_queue (content_type, content_id, reason, priority) SELECT 'clip', gen_random_uuid(), 'x', 200 FROM generate_series(1, 12)")
	r := of(t, look(t, target, release.Moderation(), 97), "validate.data.queue_priority")
	if r.Status != ops.StatusFail || !strings.Contains(r.Summary, "12 rows") || len(r.Evidence) != 6 || r.Evidence[5].Value != "7 more" {
		t.Errorf("%s %v", r.Summary, r.Evidence)
	}
}

// TestProbesCannotWrite guards the promise that validation changes nothing: a
// probe is a file's text, and the server holds it to reading.
func TestProbesCannotWrite(t *testing.T) {
	t.Parallel()
	r, files := favourites(t)
	target := clipperAt(t, r, files, 120)
	for _, sql := range []string{
		"DELETE FROM users RETURNING 0",
		"SELECT 0 FROM set_config('transaction_read_only', 'off', true), lateral (select lo_create(0)) x",
		"SELECT 0; COMMIT; DELETE FROM users",
	} {
		r.Probes[0].SQL = sql
		got := of(t, look(t, target, r, 120), "validate.data.positions")
		if got.Status != ops.StatusFail || got.Err == nil {
			t.Errorf("%s: %s %s", sql, got.Status, got.Summary)
		}
	}
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM users"); n == 0 {
		t.Error("the users are gone")
	}
}

// TestThePlanCheckJudgesThePlan guards against passing on the index's existence alone.
func TestThePlanCheckJudgesThePlan(t *testing.T) {
	t.Parallel()
	r, files := favourites(t)
	target := clipperAt(t, r, files, 120)
	pgtest.Exec(t, target, "CREATE INDEX idx_other ON favourites (user_id, position DESC, clip_id)")
	r.Plans[0].SQL = "SELECT clip_id FROM favourites ORDER BY clip_id"
	got := of(t, look(t, target, r, 120), "validate.plans.list")
	if got.Status != ops.StatusFail || got.Summary != "the planner does not take idx_favourites_order" {
		t.Errorf("%s %s", got.Status, got.Summary)
	}
	if facts := evidence(got); !strings.Contains(facts, "idx_favourites_clip") || !strings.Contains(facts, "seqscan and bitmapscan and sort off") {
		t.Errorf("evidence %s", facts)
	}
	for _, query := range []string{"SHOW enable_seqscan", "SHOW enable_sort"} {
		if got := pgtest.QueryValue[string](t, target, query); got != "on" {
			t.Errorf("%s is %s afterwards", query, got)
		}
	}
}
