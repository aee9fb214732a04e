package migrations_test

import (
	"errors"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/jackc/pgx/v5/pgconn"
)

// reviewed is a table whose rows need a name to leave 'pending'.
type reviewed struct {
	table, by, at string
	// insert makes a pending row and returns its id; $1 is a user.
	insert string
}

var reviewedTables = []reviewed{
	{
		table: "moderation_queue", by: "reviewed_by", at: "reviewed_at",
		insert: `INSERT INTO moderation_queue (content_type, content_id, reason, assigned_to)
			VALUES ('clip', gen_random_uuid(), 'spam', $1::uuid) RETURNING id::text`,
	},
	{
		table: "moderation_appeals", by: "resolved_by", at: "resolved_at",
		insert: `WITH item AS (
				INSERT INTO moderation_queue (content_type, content_id, reason) VALUES ('clip', gen_random_uuid(), 'spam') RETURNING id
			), decision AS (
				INSERT INTO moderation_decisions (queue_item_id, action) SELECT id, 'reject' FROM item RETURNING id
			)
			INSERT INTO moderation_appeals (user_id, moderation_action_id, reason)
			SELECT $1::uuid, id, 'unfair' FROM decision RETURNING id::text`,
	},
}

// codeOf is the SQLSTATE a statement ends with, empty when it succeeds.
func codeOf(t testing.TB, target config.Target, sql string, args ...any) string {
	t.Helper()
	_, err := pgtest.Connect(t, target).Exec(t.Context(), sql, args...)
	var fault *pgconn.PgError
	if err != nil && !errors.As(err, &fault) {
		t.Fatal(err)
	}
	if fault == nil {
		return ""
	}
	return fault.Code
}

func TestLeavingPendingNeedsAName(t *testing.T) {
	t.Parallel()
	for _, r := range reviewedTables {
		t.Run(r.table, func(t *testing.T) {
			t.Parallel()
			target := pgtest.New(t, pgtest.WithClipper())
			upTo(t, target, "000050")
			user := pgtest.QueryValue[string](t, target, "SELECT id::text FROM users LIMIT 1")
			reviewer := pgtest.QueryValue[string](t, target,
				"INSERT INTO users (twitch_id, username) VALUES ('reviewer', 'reviewer') RETURNING id::text")
			id := pgtest.QueryValue[string](t, target, r.insert, user)
			ask := func(expression string) bool {
				return pgtest.QueryValue[bool](t, target, "SELECT "+expression+" FROM "+r.table+" WHERE id = $1", id)
			}

			for _, status := range []string{"'approved'", "NULL"} {
				if code := codeOf(t, target, "UPDATE "+r.table+" SET status = "+status+" WHERE id = $1", id); code != "23502" {
					t.Errorf("to %s without a name: SQLSTATE %q, want 23502", status, code)
				}
			}
			if !ask("status = 'pending' AND " + r.at + " IS NULL") {
				t.Error("a refused change left something behind")
			}
			pgtest.Exec(t, target, "UPDATE "+r.table+" SET reason = 'edited' WHERE id = $1", id)
			if !ask(r.at + " IS NULL") {
				t.Error("a change that does not leave pending got a time")
			}
			pgtest.Exec(t, target, "UPDATE "+r.table+" SET status = 'approved', "+r.by+" = $2 WHERE id = $1", id, reviewer)
			if !ask(r.at + " > now() - interval '1 hour'") {
				t.Error("leaving pending with a name did not set the time")
			}
			pgtest.Exec(t, target, "DELETE FROM users WHERE id = $1", reviewer)
			if !ask("status = 'approved' AND " + r.by + " IS NULL AND " + r.at + " IS NOT NULL") {
				t.Error("deleting the reviewer must keep the decision and its time, without the name")
			}
		})
	}
}
