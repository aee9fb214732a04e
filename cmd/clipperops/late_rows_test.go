package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/rollback"
)

// Rows of every table of the release; @ stands for what tells them from others.
const moderationRows = `
INSERT INTO moderation_queue (id, content_type, content_id, reason) SELECT md5('queue@')::uuid, 'clip', md5('clip@')::uuid, '@';
INSERT INTO moderation_decisions (id, queue_item_id, action) SELECT md5('decision@')::uuid, md5('queue@')::uuid, 'reject';
INSERT INTO moderation_appeals (user_id, moderation_action_id, reason) SELECT id, md5('decision@')::uuid, '@' FROM users ORDER BY id LIMIT 1;
INSERT INTO forum_threads (id, user_id, title, content) SELECT md5('thread@')::uuid, id, '@', '' FROM users ORDER BY id LIMIT 1;
INSERT INTO forum_replies (thread_id, user_id, content) SELECT md5('thread@')::uuid, id, '@' FROM users ORDER BY id LIMIT 1;
INSERT INTO content_flags (user_id, target_type, target_id, reason) SELECT id, 'thread', md5('thread@')::uuid, '@' FROM users ORDER BY id LIMIT 1;
INSERT INTO moderation_actions (moderator_id, action_type, target_type, target_id) SELECT id, '@', 'user', id FROM users ORDER BY id LIMIT 1;
INSERT INTO user_bans (user_id, banned_by, reason) SELECT id, id, '@' FROM users ORDER BY id LIMIT 1`

const auditRows = `
INSERT INTO moderation_audit_logs (action, entity_type, entity_id, moderator_id, actor_id, ip_address)
SELECT '@', 'user', id, id, id, '10.0.0.1' FROM users ORDER BY id LIMIT 1`

// rows are a table's rows as text, in an order that depends on nothing but them.
func (p *program) rows(table string) []string {
	p.t.Helper()
	return pgtest.QueryValue[[]string](p.t, p.target,
		"SELECT coalesce(array_agg(r::text ORDER BY r::text), '{}') FROM "+pgx.Identifier{table}.Sanitize()+" AS r")
}

// Guards against losing, or stopping at, rows that an application writes to a table of the
// release between the archive and the table's end. The rollback stands still twice: in its
// first file, and before the one that drops the queue.
func TestRowsWrittenWhileARollbackRunsAreSavedAndComeBack(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.wants(ops.ExitDone, "migrate --skip-backup")
	write := func(sql, tag string) { pgtest.Exec(t, p.target, strings.ReplaceAll(sql, "@", tag)) }
	write(moderationRows+";"+auditRows, "early")

	first := pgtest.HoldTable(t, p.target, "moderation_audit_logs", "ACCESS SHARE")
	second := pgtest.HoldTable(t, p.target, "moderation_queue", "ACCESS SHARE")
	r := p.start("rollback", "--target", "10", "--skip-backup", "--lock-timeout", "500ms")
	r.awaitBlocked(p, "clipperops rollback%")
	write(moderationRows+";"+auditRows, "late") // in between two attempts
	wanted := map[string][]string{}
	for _, table := range release.Moderation().Tables() {
		wanted[table] = p.rows(table)
	}
	first.Release()
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[int64](t, p.target, "SELECT version FROM schema_migrations") == 49
	}, "the queue's own file")
	write(moderationRows[:strings.Index(moderationRows, "INSERT INTO moderation_appeals")], "later")
	for _, table := range []string{"moderation_queue", "moderation_decisions"} {
		wanted[table] = p.rows(table)
	}
	second.Release()
	r.wants(ops.ExitDone, "saving rows that were written since", "Rolled back to version 10.", "Nothing is lost")
	p.wantVersion(10)

	p.wants(ops.ExitDone, "migrate --skip-backup")
	paths, err := filepath.Glob(p.path("backups", "archive-????????-??????.zip"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("archives: %v, %v", paths, err)
	}
	saved, err := rollback.ReadArchive(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rollback.Restore(t.Context(), pgtest.Connect(t, p.target), saved); err != nil {
		t.Fatal(err)
	}
	for table, rows := range wanted {
		if diff := cmp.Diff(rows, p.rows(table)); diff != "" {
			t.Errorf("%s (-when dropped +restored)\n%s", table, diff)
		}
	}
}
