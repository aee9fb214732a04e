package migrations_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/jackc/pgx/v5"
)

// forum is a database with two threads, a and b, and a user who wrote both.
type forum struct {
	target     config.Target
	user, a, b string
}

func newForum(t *testing.T) forum {
	t.Helper()
	f := forum{target: pgtest.New(t, pgtest.WithClipper())}
	upTo(t, f.target, "000069")
	f.user = pgtest.QueryValue[string](t, f.target,
		"INSERT INTO users (twitch_id, username) VALUES ('forum', 'forum') RETURNING id::text")
	thread := "INSERT INTO forum_threads (user_id, title, content) VALUES ($1, 't', 'c') RETURNING id::text"
	f.a = pgtest.QueryValue[string](t, f.target, thread, f.user)
	f.b = pgtest.QueryValue[string](t, f.target, thread, f.user)
	return f
}

// counts asserts what a counter says of both threads.
func (f forum) counts(t *testing.T, counter, after string, a, b int) {
	t.Helper()
	for thread, want := range map[string]int{f.a: a, f.b: b} {
		sql := fmt.Sprintf("SELECT %s FROM forum_threads WHERE id = $1", counter)
		if got := pgtest.QueryValue[int](t, f.target, sql, thread); got != want {
			t.Errorf("after %s: %s is %d, want %d", after, counter, got, want)
		}
	}
}

func (f forum) reply(t *testing.T, thread string, parent any) string {
	t.Helper()
	return pgtest.QueryValue[string](t, f.target,
		"INSERT INTO forum_replies (thread_id, user_id, parent_reply_id, content) VALUES ($1, $2, $3, 'r') RETURNING id::text",
		thread, f.user, parent)
}

func TestReplyCountFollowsEveryChange(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	first := f.reply(t, f.a, nil)
	f.reply(t, f.a, first)
	f.counts(t, "reply_count", "two replies", 2, 0)
	steps := []struct {
		after, sql string
		a, b       int
	}{
		{"deleting softly", "UPDATE forum_replies SET is_deleted = true WHERE id = $1", 1, 0},
		{"deleting softly again", "UPDATE forum_replies SET is_deleted = true, content = '' WHERE id = $1", 1, 0},
		{"restoring", "UPDATE forum_replies SET is_deleted = false WHERE id = $1", 2, 0},
		{"forgetting the flag, which is not deleting", "UPDATE forum_replies SET is_deleted = NULL WHERE id = $1", 2, 0},
		{"editing", "UPDATE forum_replies SET content = 'edited' WHERE id = $1", 2, 0},
		{"moving", "UPDATE forum_replies SET thread_id = '" + f.b + "' WHERE id = $1", 1, 1},
		{"moving back, deleted", "UPDATE forum_replies SET thread_id = '" + f.a + "', is_deleted = true WHERE id = $1", 1, 0},
		{"deleting for good what was deleted softly, with the answer to it", "DELETE FROM forum_replies WHERE id = $1", 0, 0},
	}
	for _, s := range steps {
		pgtest.Exec(t, f.target, s.sql, first)
		f.counts(t, "reply_count", s.after, s.a, s.b)
	}
	pgtest.Exec(t, f.target, "INSERT INTO forum_replies (thread_id, user_id, content, is_deleted) VALUES ($1, $2, 'r', true)", f.a, f.user)
	f.counts(t, "reply_count", "inserting a deleted reply", 0, 0)
}

func TestFlagCountFollowsFlagsOfThreads(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	flag := pgtest.QueryValue[string](t, f.target,
		"INSERT INTO content_flags (user_id, target_type, target_id, reason) VALUES ($1, 'thread', $2, 'spam') RETURNING id::text",
		f.user, f.a)
	f.counts(t, "flag_count", "flagging", 1, 0)
	steps := []struct {
		after, sql string
		a, b       int
	}{
		{"reviewing", "UPDATE content_flags SET status = 'dismissed', reviewed_by = user_id WHERE id = $1", 1, 0},
		{"pointing elsewhere", "UPDATE content_flags SET target_id = '" + f.b + "' WHERE id = $1", 0, 1},
		{"becoming a flag of a comment", "UPDATE content_flags SET target_type = 'comment' WHERE id = $1", 0, 0},
		{"becoming a flag of a thread again", "UPDATE content_flags SET target_type = 'thread' WHERE id = $1", 0, 1},
		{"withdrawing", "DELETE FROM content_flags WHERE id = $1", 0, 0},
	}
	for _, s := range steps {
		pgtest.Exec(t, f.target, s.sql, flag)
		f.counts(t, "flag_count", s.after, s.a, s.b)
	}
	pgtest.Exec(t, f.target,
		"INSERT INTO content_flags (user_id, target_type, target_id, reason) VALUES ($1, 'comment', $2, 'spam')", f.user, f.a)
	f.counts(t, "flag_count", "flagging something else with the same id", 0, 0)
}

// TestCountersHoldUnderConcurrentWriters guards against reading the counter and
// writing it back.
func TestCountersHoldUnderConcurrentWriters(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	const writers, each = 4, 10
	conns := make([]*pgx.Conn, writers)
	for i := range conns {
		conns[i] = pgtest.Connect(t, f.target)
	}
	var wg sync.WaitGroup
	for _, conn := range conns {
		wg.Go(func() {
			for range each {
				if _, err := conn.Exec(t.Context(), "INSERT INTO forum_replies (thread_id, user_id, content) VALUES ($1, $2, 'r')", f.a, f.user); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f.counts(t, "reply_count", "concurrent replies", writers*each, 0)
}

// TestCountersDoNotDependOnTheSearchPath guards against a session that resolves
// names elsewhere, and against a temporary table that takes the name.
func TestCountersDoNotDependOnTheSearchPath(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	pgtest.Exec(t, f.target, `
		CREATE TEMP TABLE forum_threads (id uuid, reply_count int, flag_count int);
		SET search_path = '';
		INSERT INTO public.forum_replies (thread_id, user_id, content) VALUES ('`+f.a+`', '`+f.user+`', 'r');
		INSERT INTO public.content_flags (user_id, target_type, target_id, reason) VALUES ('`+f.user+`', 'thread', '`+f.a+`', 'spam')`)
	f.counts(t, "reply_count", "replying without a search_path", 1, 0)
	f.counts(t, "flag_count", "flagging without a search_path", 1, 0)
}

// TestAUserWithThreadsRepliesAndFlagsCanBeDeleted guards the cascade, which
// reaches threads and their replies in one statement.
func TestAUserWithThreadsRepliesAndFlagsCanBeDeleted(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	other := pgtest.QueryValue[string](t, f.target, "SELECT id::text FROM users WHERE id <> $1 LIMIT 1", f.user)
	pgtest.Exec(t, f.target, "UPDATE forum_threads SET user_id = $1 WHERE id = $2", other, f.b)
	f.reply(t, f.b, f.reply(t, f.a, nil))
	pgtest.Exec(t, f.target,
		"INSERT INTO content_flags (user_id, target_type, target_id, reason) SELECT $1, 'thread', id, 'spam' FROM forum_threads", f.user)
	f.counts(t, "flag_count", "flagging both", 1, 1)
	pgtest.Exec(t, f.target, "DELETE FROM users WHERE id = $1", f.user)
	if got := pgtest.QueryValue[int](t, f.target, "SELECT reply_count * 10 + flag_count FROM forum_threads WHERE id = $1", f.b); got != 0 {
		t.Errorf("the thread that is left still counts them: %d", got)
	}
}
