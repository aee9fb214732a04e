package sandbox_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/google/go-cmp/cmp"
)

// fingerprint sums up the rows of a table, whatever their order. The keys of
// submissions are the server's own.
const fingerprint = `SELECT (SELECT md5(string_agg(u::text, '|' ORDER BY id)) FROM users u)
	|| (SELECT md5(string_agg(c::text, '|' ORDER BY id)) FROM clips c)
	|| (SELECT md5(string_agg(c::text, '|' ORDER BY id)) FROM comments c)
	|| (SELECT md5(string_agg(row, '|' ORDER BY row)) FROM (SELECT (to_jsonb(s) - 'id')::text AS row FROM clip_submissions s) s)`

func TestTheSameNumberOfUsersGivesTheSameRows(t *testing.T) {
	t.Parallel()
	a := value[string](t, pgtest.New(t, pgtest.WithUsers(150)), fingerprint)
	b := value[string](t, pgtest.New(t, pgtest.WithUsers(150)), fingerprint)
	if a != b {
		t.Error("two seeds of 150 users differ")
	}
}

func TestTheCommunityIsBelievable(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithUsers(6000))
	for what, sql := range map[string]string{
		"users, moderators, admins":                     `SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE role = 'moderator'), count(*) FILTER (WHERE role = 'admin')) = '6000 60 2' FROM users`,
		"some users are banned, of the staff none":      `SELECT count(*) BETWEEN 10 AND 120 AND bool_and(role = 'user') FROM users WHERE is_banned`,
		"usernames and Twitch ids are unique":           `SELECT count(DISTINCT username) = count(*) AND count(DISTINCT twitch_id) = count(*) FROM users`,
		"nobody was seen before joining":                `SELECT bool_and(last_login_at >= created_at) FROM users`,
		"nothing lies in the future":                    `SELECT bool_and(created_at < now()) FROM (SELECT created_at FROM users UNION ALL SELECT created_at FROM clips UNION ALL SELECT created_at FROM clip_submissions) x`,
		"clips have titles of many games":               `SELECT count(*) = 1500 AND count(DISTINCT title) > 50 AND bool_and(title !~ '[{}]') FROM clips`,
		"clips count their comments rightly":            `SELECT bool_and(c.comment_count = (SELECT count(*) FROM comments WHERE clip_id = c.id)) FROM clips c`,
		"comments come in threads":                      `SELECT avg((parent_comment_id IS NOT NULL)::int) BETWEEN 0.15 AND 0.5 FROM comments`,
		"answers are on the same clip, and later":       `SELECT bool_and(a.clip_id = p.clip_id AND a.created_at > p.created_at) FROM comments a JOIN comments p ON p.id = a.parent_comment_id`,
		"removed comments say why, others do not":       `SELECT bool_and(is_removed = (removed_reason IS NOT NULL)) AND bool_or(is_removed) FROM comments`,
		"submissions are pending, approved or rejected": `SELECT string_agg(DISTINCT status, ' ' ORDER BY status) = 'approved pending rejected' FROM clip_submissions`,
		"most submissions are approved":                 `SELECT avg((status = 'approved')::int) BETWEEN 0.5 AND 0.8 FROM clip_submissions`,
		"pending ones have been seen by nobody":         `SELECT bool_and(reviewed_by IS NULL AND reviewed_at IS NULL AND rejection_reason IS NULL) FROM clip_submissions WHERE status = 'pending'`,
		"the others by the staff":                       `SELECT bool_and(u.role <> 'user' AND reviewed_at > s.created_at) FROM clip_submissions s JOIN users u ON u.id = reviewed_by WHERE status <> 'pending'`,
		"rejections have a reason within the limit":     `SELECT bool_and(rejection_reason IS NOT NULL AND length(rejection_reason) <= 1000) FROM clip_submissions WHERE status = 'rejected'`,
		"approved submissions are clips":                `SELECT bool_and(EXISTS (SELECT FROM clips c WHERE c.twitch_clip_id = s.twitch_clip_id)) FROM clip_submissions s WHERE status = 'approved'`,
		"the statistics are there":                      `SELECT count(*) = 4 FROM pg_class WHERE relname IN ('users', 'clips', 'comments', 'clip_submissions') AND reltuples > 0`,
	} {
		if !value[bool](t, target, sql) {
			t.Errorf("not so: %s", what)
		}
	}
}

// A superuser's seed does not have the server check foreign keys.
func TestEveryForeignKeyOfTheCommunityHolds(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithUsers(800))
	pgtest.Exec(t, target, `DO $$
		DECLARE
			c record;
		BEGIN
			FOR c IN SELECT conrelid::regclass AS on_table, conname, pg_get_constraintdef(oid) AS body FROM pg_constraint WHERE contype = 'f' LOOP
				EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s', c.on_table, c.conname, c.conname, c.body);
			END LOOP;
		END $$`)
	if got := value[int](t, target, "SELECT count(*)::int FROM pg_constraint WHERE contype = 'f'"); got < 5 {
		t.Errorf("%d foreign keys were checked", got)
	}
}

func TestARoleThatIsNoSuperuserCanSeedToo(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.AsRole())
	if err := sandbox.ApplyClipper(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if err := sandbox.Seed(t.Context(), target, 40, nil); err != nil {
		t.Fatal(err)
	}
}

func TestTheSmallestCommunitiesWork(t *testing.T) {
	t.Parallel()
	for _, users := range []int{1, 2, 7, 8, 9} {
		target := pgtest.New(t, pgtest.WithUsers(users))
		if got := value[int](t, target, "SELECT count(*)::int FROM users"); got != users {
			t.Errorf("%d users, want %d", got, users)
		}
		if !value[bool](t, target, "SELECT bool_or(role = 'admin') FROM users") {
			t.Errorf("of %d users nobody is an admin", users)
		}
	}
}

func TestProgressRisesToTheNumberOfRows(t *testing.T) {
	t.Parallel()
	target := clipper(t)
	var last ops.Progress
	err := sandbox.Seed(t.Context(), target, 6_000, func(p ops.Progress) {
		if p.Done < last.Done || p.Unit != ops.UnitRows {
			t.Errorf("after %+v came %+v", last, p)
		}
		last = p
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := value[int64](t, target, `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM clips)
		+ (SELECT count(*) FROM comments) + (SELECT count(*) FROM clip_submissions)`)
	if diff := cmp.Diff([]int64{rows, rows}, []int64{last.Done, last.Total}); diff != "" {
		t.Errorf("the last progress is not all rows (-rows +done, total):\n%s", diff)
	}
}

func TestSeedingIsInterruptible(t *testing.T) {
	t.Parallel()
	target := clipper(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := sandbox.Seed(ctx, target, 500_000, func(ops.Progress) { cancel() })
	if ops.CodeOf(err) != ops.ExitInterrupted {
		t.Errorf("error %v, want one that means interrupted", err)
	}
}

// Guards against rows being gathered in memory before they are sent: a million
// users must fit in the memory of a small machine.
func TestSeedingTakesConstantMemory(t *testing.T) {
	target := clipper(t)
	var peak atomic.Uint64
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	err := sandbox.Seed(t.Context(), target, 20_000, func(p ops.Progress) {
		if p.Done%20_000 == 0 {
			var m runtime.MemStats
			runtime.GC() // what is left is what is held
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapAlloc))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if held := int64(peak.Load()) - int64(before.HeapAlloc); held > 8<<20 {
		t.Errorf("%d bytes are held while 70,000 rows pass", held)
	}
}

func BenchmarkSeed(b *testing.B) {
	for b.Loop() {
		target := pgtest.New(b)
		if err := sandbox.ApplyClipper(b.Context(), target); err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		if err := sandbox.Seed(b.Context(), target, 20_000, nil); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(20_000/time.Since(begin).Seconds(), "users/s")
	}
}

// clipper is a Clipper without any rows.
func clipper(t *testing.T) config.Target {
	t.Helper()
	target := pgtest.New(t)
	if err := sandbox.ApplyClipper(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	return target
}
