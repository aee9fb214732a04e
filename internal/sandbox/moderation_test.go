package sandbox_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

// moderationTables are those the release makes.
var moderationTables = []string{
	"moderation_audit_logs", "moderation_queue", "moderation_decisions", "moderation_appeals", "forum_threads",
	"forum_replies", "moderation_actions", "user_bans", "content_flags",
}

func TestRowsAreWrittenIntoEveryModerationTable(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole())
	written, err := sandbox.WriteModerationRows(t.Context(), target, 12)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]int64)
	for _, w := range written {
		rows[w.Table] = w.Rows
	}
	for _, table := range moderationTables {
		there := value[int64](t, target, "SELECT count(*) FROM "+table)
		if there == 0 || rows[table] != there {
			t.Errorf("%s has %d rows; %d were said to be written", table, there, rows[table])
		}
	}
	if len(written) != len(moderationTables) {
		t.Errorf("%d tables were written, want %d", len(written), len(moderationTables))
	}
	for what, sql := range map[string]string{
		"who decided is known, and when":         `SELECT bool_and(reviewed_by IS NOT NULL AND reviewed_at IS NOT NULL) FROM moderation_queue WHERE status <> 'pending'`,
		"some items wait":                        `SELECT bool_or(status = 'pending') FROM moderation_queue`,
		"every decided item has its decision":    `SELECT bool_and(EXISTS (SELECT FROM moderation_decisions d WHERE d.queue_item_id = q.id)) FROM moderation_queue q WHERE status <> 'pending'`,
		"some appeals are resolved, some not":    `SELECT bool_or(status = 'pending') AND bool_or(resolved_by IS NOT NULL AND resolved_at IS NOT NULL) FROM moderation_appeals`,
		"reviewers are of the staff":             `SELECT bool_and(u.role <> 'user') FROM moderation_decisions d JOIN users u ON u.id = d.moderator_id`,
		"the triggers counted the replies":       `SELECT bool_and(reply_count = (SELECT count(*) FROM forum_replies r WHERE r.thread_id = t.id AND NOT r.is_deleted)) FROM forum_threads t`,
		"the triggers counted the flags":         `SELECT bool_and(flag_count = (SELECT count(*) FROM content_flags f WHERE f.target_id = t.id)) FROM forum_threads t`,
		"some bans are active, some have passed": `SELECT bool_or(active) AND bool_or(NOT active) FROM user_bans`,
	} {
		if !value[bool](t, target, sql) {
			t.Errorf("not so: %s", what)
		}
	}
}

func TestModerationRowsCanBeWrittenAgain(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithModeration())
	for range 2 {
		if _, err := sandbox.WriteModerationRows(t.Context(), target, 10); err != nil {
			t.Fatal(err)
		}
	}
}

func TestModerationRowsNeedTheRelease(t *testing.T) {
	t.Parallel()
	if _, err := sandbox.WriteModerationRows(t.Context(), pgtest.New(t, pgtest.WithClipper()), 5); err == nil {
		t.Error("rows were written into tables that are not there")
	}
}
