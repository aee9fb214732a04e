package migrations_test

import (
	"context"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// logs fills moderation_audit_logs of a database at 69: an entry about a user
// who is there, one about a user who is gone, one about a clip.
func logs(t *testing.T) (target config.Target, moderator, user string) {
	t.Helper()
	target = pgtest.New(t, pgtest.WithClipper())
	upTo(t, target, "000069")
	moderator = pgtest.QueryValue[string](t, target, "SELECT id::text FROM users ORDER BY id LIMIT 1")
	user = pgtest.QueryValue[string](t, target, "SELECT id::text FROM users ORDER BY id DESC LIMIT 1")
	pgtest.Exec(t, target, `
		INSERT INTO moderation_audit_logs (action, entity_type, entity_id, moderator_id)
		SELECT v.action, v.kind, v.entity::uuid, $1::uuid
		FROM (VALUES ('ban', 'user', $2::text), ('ban_of_nobody', 'user', gen_random_uuid()::text), ('remove', 'clip', $2::text)) v (action, kind, entity)`,
		moderator, user)
	return target, moderator, user
}

func TestAuditLogsAreFilledFromWhatTheySaid(t *testing.T) {
	t.Parallel()
	target, moderator, user := logs(t)
	apply(t, target, "000097_update_moderation_audit_logs", "up")
	for action, named := range map[string]string{"ban": user, "ban_of_nobody": "", "remove": ""} {
		got := pgtest.QueryValue[string](t, target,
			"SELECT actor_id::text || ' ' || coalesce(target_user_id::text, '') FROM moderation_audit_logs WHERE action = $1", action)
		if want := moderator + " " + named; got != want {
			t.Errorf("%s: actor and target are %q, want %q", action, got, want)
		}
	}
	if code := codeOf(t, target, "UPDATE moderation_audit_logs SET actor_id = NULL"); code != "23502" {
		t.Errorf("actor_id takes NULL: SQLSTATE %q", code)
	}
	unvalidated := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM pg_constraint WHERE NOT convalidated")
	if unvalidated != 0 {
		t.Errorf("%d constraints are not validated", unvalidated)
	}
	if left := pgtest.QueryValue[int](t, target,
		"SELECT count(*) FROM pg_constraint WHERE conrelid = 'moderation_audit_logs'::regclass AND contype = 'c'"); left != 0 {
		t.Error("the check that only led to NOT NULL is left")
	}
}

// TestSetNotNullDoesNotReadTheTableAgain guards the safe form of 000097 with the
// server's own words, and that nothing is rewritten.
func TestSetNotNullDoesNotReadTheTableAgain(t *testing.T) {
	t.Parallel()
	target, _, _ := logs(t)
	file := pgtest.QueryValue[int64](t, target, "SELECT pg_relation_filenode('moderation_audit_logs')::bigint")
	said := notices(t, target, "SET client_min_messages = debug1;"+body(t, "000097_update_moderation_audit_logs", "up"))
	proof := "are sufficient to prove that it does not contain nulls"
	if !strings.Contains(said, `"moderation_audit_logs.actor_id" `+proof) {
		t.Errorf("the server read the table for SET NOT NULL; it said\n%s", said)
	}
	if after := pgtest.QueryValue[int64](t, target, "SELECT pg_relation_filenode('moderation_audit_logs')::bigint"); after != file {
		t.Error("the table was rewritten")
	}
}

func notices(t *testing.T, target config.Target, sql string) string {
	t.Helper()
	options, err := pgx.ParseConfig(target.ConnString())
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	options.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { said.WriteString(n.Message + "\n") }
	conn, err := pgx.ConnectConfig(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing depends on it
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	return said.String()
}

// TestARejectionReasonThatIsTooLongStopsTheFile guards that a file that fails
// half way leaves nothing.
func TestARejectionReasonThatIsTooLongStopsTheFile(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	pgtest.Exec(t, target, "UPDATE clip_submissions SET rejection_reason = repeat('x', 1001)")
	before := schema(t, target)
	if code := codeOf(t, target, body(t, "000011_add_moderation_audit_logs", "up")); code != "23514" {
		t.Errorf("SQLSTATE %q, want 23514", code)
	}
	if schema(t, target) != before {
		t.Error("something of the file was left")
	}
}
