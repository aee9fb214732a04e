package rollback_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrations"
	"github.com/clipper/clipperops/rollback"
)

// scene is a database that migrations have brought somewhere, and a place for archives.
type scene struct {
	t      *testing.T
	target config.Target
	src    *migrate.Source
	dir    string
	// work is the test's own connection.
	work *pgx.Conn
}

func newScene(t *testing.T, target config.Target, src *migrate.Source) *scene {
	return &scene{t: t, target: target, src: src, dir: t.TempDir(), work: pgtest.Connect(t, target)}
}

// chain applies pairs of up and down files, versions 2, 3, … to an empty database. Version 1
// is always there: it makes nothing.
func chain(t *testing.T, pairs ...[2]string) *scene {
	t.Helper()
	s := newScene(t, pgtest.New(t), files(t, pairs...))
	s.up(uint64(len(pairs) + 1))
	return s
}

func files(t *testing.T, pairs ...[2]string) *migrate.Source {
	t.Helper()
	src, err := readFiles(pairs...)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func readFiles(pairs ...[2]string) (*migrate.Source, error) {
	list := fstest.MapFS{
		"000001_start.up.sql":   {Data: []byte("SELECT 1;")},
		"000001_start.down.sql": {Data: []byte("SELECT 1;")},
	}
	for i, p := range pairs {
		list[fmt.Sprintf("%06d_step.up.sql", i+2)] = &fstest.MapFile{Data: []byte(p[0])}
		list[fmt.Sprintf("%06d_step.down.sql", i+2)] = &fstest.MapFile{Data: []byte(p[1])}
	}
	return migrate.ReadSource(list, "the test's migrations")
}

// clipper is a Clipper at version 97 with rows in every table of the release.
func clipper(t *testing.T) *scene {
	t.Helper()
	src, err := migrate.ReadSource(migrations.FS, "the embedded migrations")
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t, pgtest.New(t, pgtest.WithClipper()), src)
	s.up(97)
	s.exec(moderationRows)
	return s
}

func (s *scene) conn() *pgx.Conn { return pgtest.Connect(s.t, s.target) }

// exec runs SQL as it stands.
func (s *scene) exec(sql string) {
	s.t.Helper()
	if _, err := s.work.Exec(s.t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		s.t.Fatalf("%v\n    in: %s", err, sql)
	}
}

func (s *scene) state() migrate.State {
	s.t.Helper()
	state, err := migrate.ReadState(s.t.Context(), s.work)
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

func (s *scene) up(to uint64) {
	s.t.Helper()
	p, err := migrate.PlanUp(s.src, s.state(), to, nil)
	if err != nil {
		s.t.Fatal(explain(err))
	}
	_, err = migrate.Apply(s.t.Context(), s.target, p, migrate.Backup{Waived: "a test"}, migrate.Rehearsal{Waived: "a test"}, migrate.ApplyOptions{})
	if err != nil {
		s.t.Fatal(explain(err))
	}
}

func (s *scene) plan(to uint64) *migrate.Plan {
	s.t.Helper()
	p, err := rollback.Plan(s.src, s.state(), to, nil, true)
	if err != nil {
		s.t.Fatal(explain(err))
	}
	return p
}

func (s *scene) archiveOptions(p *migrate.Plan) rollback.ArchiveOptions {
	return rollback.ArchiveOptions{Target: s.target, Plan: p, Dir: s.dir}
}

func (s *scene) archive(p *migrate.Plan) rollback.ArchiveRef {
	s.t.Helper()
	a, err := rollback.Archive(s.t.Context(), s.archiveOptions(p))
	if err != nil {
		s.t.Fatal(explain(err))
	}
	return a
}

func quick() rollback.ApplyOptions {
	return rollback.ApplyOptions{Engine: migrate.ApplyOptions{LockTimeout: 200 * time.Millisecond, RetryFor: -1}}
}

func (s *scene) tryApply(p *migrate.Plan, a rollback.ArchiveRef, o rollback.ApplyOptions) (*rollback.Applied, error) {
	return rollback.Apply(s.t.Context(), s.target, p, a, migrate.Backup{}, migrate.Rehearsal{Waived: "a test"}, o)
}

func (s *scene) apply(p *migrate.Plan, a rollback.ArchiveRef) *rollback.Applied {
	s.t.Helper()
	applied, err := s.tryApply(p, a, quick())
	if err != nil {
		s.t.Fatal(explain(err))
	}
	return applied
}

// restore reads the archive back from disk and puts everything back.
func (s *scene) restore(a rollback.ArchiveRef) *rollback.Restored {
	s.t.Helper()
	saved, err := rollback.ReadArchive(a.Path)
	if err != nil {
		s.t.Fatal(err)
	}
	restored, err := rollback.Restore(s.t.Context(), s.work, saved)
	if err != nil {
		s.t.Fatal(explain(err))
	}
	return restored
}

// rows are a table's rows as text, in an order that depends on nothing but them.
func (s *scene) rows(table string) []string {
	s.t.Helper()
	rows, err := s.work.Query(s.t.Context(), "SELECT t::text FROM "+table+" AS t ORDER BY 1", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		s.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// mustFail returns the Failure an error has to be, with that exit code.
func mustFail(t *testing.T, err error, code ops.ExitCode) *ops.Failure {
	t.Helper()
	if err == nil {
		t.Fatal("it did not fail")
	}
	f := ops.AsFailure(err)
	if f.Code != code {
		t.Fatalf("exit code %d, want %d: %s", f.Code, code, explain(err))
	}
	return f
}

func explain(err error) string {
	f := ops.AsFailure(err)
	return strings.Join([]string{f.What, strings.Join(f.Detail, "\n  "), strings.Join(f.State, "\n  "), strings.Join(f.Next, "\n  ")}, "\n  ")
}

// contains fails the test unless the lines say all that is wanted.
func contains(t *testing.T, lines []string, wanted ...string) {
	t.Helper()
	text := strings.Join(lines, "\n")
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not said in:\n%s", w, text)
		}
	}
}

// moderationRows fill the release's tables. Some point at each other, and some at users.
const moderationRows = `
INSERT INTO moderation_queue (id, content_type, content_id, reason, priority, reported_by, confidence_score)
SELECT md5('q' || n)::uuid, 'clip', md5('c' || n)::uuid, E'tab\tquote '' backslash \\ newline\n' || n, n % 100, ARRAY[md5('u' || n)::uuid], 0.25 FROM generate_series(1, 40) n;
INSERT INTO moderation_decisions (id, queue_item_id, moderator_id, action, metadata)
SELECT md5('d' || n)::uuid, md5('q' || n)::uuid, (SELECT id FROM users ORDER BY id LIMIT 1), 'reject', jsonb_build_object('n', n, 'ü', NULL) FROM generate_series(1, 30) n;
INSERT INTO moderation_appeals (user_id, moderation_action_id, reason)
SELECT (SELECT id FROM users ORDER BY id LIMIT 1), md5('d' || n)::uuid, '\N' FROM generate_series(1, 10) n;
INSERT INTO moderation_audit_logs (action, entity_type, entity_id, moderator_id, actor_id, target_user_id, ip_address)
SELECT 'ban', 'user', u.id, u.id, u.id, u.id, '10.0.0.1' FROM users u;
INSERT INTO forum_threads (id, user_id, title, content) SELECT md5('t' || n)::uuid, (SELECT id FROM users ORDER BY id LIMIT 1), 'thread ' || n, '' FROM generate_series(1, 5) n;
INSERT INTO forum_replies (id, thread_id, user_id, content, parent_reply_id)
SELECT md5('r' || n)::uuid, md5('t1')::uuid, (SELECT id FROM users ORDER BY id LIMIT 1), 'reply', CASE WHEN n > 1 THEN md5('r' || n - 1)::uuid END FROM generate_series(1, 8) n;
INSERT INTO moderation_actions (moderator_id, action_type, target_type, target_id) SELECT id, 'warn', 'user', id FROM users LIMIT 3;
INSERT INTO user_bans (user_id, banned_by, reason, expires_at) SELECT id, id, 'spam', 'infinity' FROM users LIMIT 2;
INSERT INTO content_flags (user_id, target_type, target_id, reason) SELECT id, 'thread', md5('t1')::uuid, 'rude' FROM users LIMIT 4`
