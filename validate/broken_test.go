package validate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/release"
	"github.com/google/go-cmp/cmp"
)

// harms break one object each, of a database at 97.
var harms = map[string]struct {
	harm string
	want []string
	// fact is part of the evidence, fix part of the fix, of the first check.
	fact, fix string
}{
	"table missing": {
		"DROP TABLE user_bans",
		[]string{
			"fail validate.tables.user_bans", "skip validate.columns.user_bans", "skip validate.indexes.user_bans",
			"skip validate.constraints.user_bans", "skip validate.writes.user_bans",
		},
		"table user_bans=does not exist", "000069_add_forum_moderation.up.sql",
	},
	"a view in place of a table": {
		"ALTER TABLE user_bans RENAME TO hidden; CREATE VIEW user_bans AS SELECT * FROM hidden",
		[]string{
			"fail validate.tables.user_bans", "skip validate.columns.user_bans", "skip validate.indexes.user_bans",
			"skip validate.constraints.user_bans", "skip validate.writes.user_bans",
		},
		"is no table but a view", "backup",
	},
	"column missing": {
		"ALTER TABLE moderation_audit_logs DROP COLUMN user_agent",
		[]string{"fail validate.columns.moderation_audit_logs", "skip validate.writes.moderation_audit_logs"},
		"column user_agent=missing", "000097_update_moderation_audit_logs.up.sql",
	},
	"column of another type": {
		"ALTER TABLE moderation_queue ALTER COLUMN reason TYPE varchar(60)",
		[]string{
			"fail validate.columns.moderation_queue", "skip validate.writes.moderation_queue",
			"skip validate.writes.moderation_decisions", "skip validate.writes.moderation_appeals",
		},
		"column reason=is character varying(60), not character varying(50)",
		`ALTER TABLE "public"."moderation_queue" ALTER COLUMN "reason" TYPE character varying(50);`,
	},
	"column that takes NULL": {
		"ALTER TABLE user_bans ALTER COLUMN reason DROP NOT NULL",
		[]string{"fail validate.columns.user_bans", "skip validate.writes.user_bans"},
		"column reason=takes NULL", `ALTER COLUMN "reason" SET NOT NULL;`,
	},
	"column that refuses NULL": {
		"ALTER TABLE user_bans ALTER COLUMN expires_at SET NOT NULL",
		[]string{"fail validate.columns.user_bans", "skip validate.writes.user_bans"},
		"column expires_at=is NOT NULL", `ALTER COLUMN "expires_at" DROP NOT NULL;`,
	},
	"another default": {
		"ALTER TABLE user_bans ALTER COLUMN active SET DEFAULT false",
		[]string{"fail validate.columns.user_bans", "skip validate.writes.user_bans"},
		"column active=defaults to false, not true", `ALTER COLUMN "active" SET DEFAULT true;`,
	},
	"index missing": {
		"DROP INDEX idx_appeals_user_id",
		[]string{"fail validate.indexes.moderation_appeals"},
		"index idx_appeals_user_id=missing",
		`CREATE INDEX CONCURRENTLY "idx_appeals_user_id" ON "public"."moderation_appeals" USING btree (user_id);`,
	},
	"index of the queue missing": {
		"DROP INDEX idx_modqueue_status_priority",
		[]string{"fail validate.indexes.moderation_queue", "skip validate.plans.queue_order"},
		"index idx_modqueue_status_priority=missing", "(status, priority desc, created_at);",
	},
	"index with another order": {
		"DROP INDEX idx_forum_threads_created; CREATE INDEX idx_forum_threads_created ON forum_threads (created_at)",
		[]string{"fail validate.indexes.forum_threads"},
		"is btree (created_at), not btree (created_at desc)", "DROP INDEX CONCURRENTLY",
	},
	"index without its predicate": {
		"DROP INDEX idx_modqueue_assigned_to; CREATE INDEX idx_modqueue_assigned_to ON moderation_queue (assigned_to)",
		[]string{"fail validate.indexes.moderation_queue"},
		"not btree (assigned_to) where status='pending'", "WHERE status = 'pending';",
	},
	"unique index that is none": {
		"DROP INDEX uq_appeals_action_pending; CREATE INDEX uq_appeals_action_pending ON moderation_appeals (moderation_action_id) WHERE status = 'pending'",
		[]string{"fail validate.indexes.moderation_appeals", "skip validate.writes.moderation_appeals"},
		"not unique btree", "CREATE UNIQUE INDEX CONCURRENTLY",
	},
	"index of Clipper's own table": {
		"DROP INDEX idx_submissions_creator",
		[]string{"fail validate.indexes.clip_submissions"},
		"index idx_submissions_creator=missing", "WHERE status = 'pending';",
	},
	"index invalid": {
		"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_user_bans_user'::regclass",
		[]string{"fail validate.indexes_valid"},
		"index idx_user_bans_user=invalid", `REINDEX INDEX CONCURRENTLY "public"."idx_user_bans_user";`,
	},
	"index of the queue invalid": {
		"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_modqueue_status_priority'::regclass",
		[]string{"fail validate.indexes_valid", "skip validate.plans.queue_order"},
		"invalid", "REINDEX",
	},
	"index invalid that nobody promised": {
		"CREATE INDEX extra ON user_bans (reason); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'extra'::regclass",
		[]string{"fail validate.indexes_valid"},
		"index extra=invalid", "REINDEX",
	},
	"check missing": {
		"ALTER TABLE moderation_queue DROP CONSTRAINT moderation_queue_valid_priority",
		[]string{
			"fail validate.constraints.moderation_queue", "skip validate.writes.moderation_queue",
			"skip validate.writes.moderation_decisions", "skip validate.writes.moderation_appeals",
		},
		"constraint moderation_queue_valid_priority=missing", "000049_add_moderation_queue_system.up.sql",
	},
	"check with other values": {
		"ALTER TABLE moderation_appeals DROP CONSTRAINT moderation_appeals_valid_status; " +
			"ALTER TABLE moderation_appeals ADD CONSTRAINT moderation_appeals_valid_status CHECK (status IN ('pending', 'approved'))",
		[]string{"fail validate.constraints.moderation_appeals", "skip validate.writes.moderation_appeals"},
		"allows approved, pending, not approved, pending, rejected", "DROP CONSTRAINT",
	},
	"check not validated": {
		"ALTER TABLE clip_submissions DROP CONSTRAINT check_rejection_reason_length; " +
			"ALTER TABLE clip_submissions ADD CONSTRAINT check_rejection_reason_length CHECK (length(rejection_reason) <= 1000) NOT VALID",
		[]string{"fail validate.constraints.clip_submissions"},
		"check_rejection_reason_length=not validated", "VALIDATE CONSTRAINT",
	},
	"foreign key missing": {
		"ALTER TABLE user_bans DROP CONSTRAINT user_bans_banned_by_fkey",
		[]string{"fail validate.constraints.user_bans", "skip validate.writes.user_bans"},
		"user_bans_banned_by_fkey=missing", `REFERENCES "public"."users" ON DELETE RESTRICT NOT VALID; ALTER TABLE`,
	},
	"foreign key that does something else": {
		"ALTER TABLE user_bans DROP CONSTRAINT user_bans_user_id_fkey; " +
			"ALTER TABLE user_bans ADD CONSTRAINT user_bans_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)",
		[]string{"fail validate.constraints.user_bans", "skip validate.writes.user_bans"},
		"on delete does no action, not cascade", "ON DELETE CASCADE NOT VALID",
	},
	"foreign key not validated": {
		"ALTER TABLE user_bans DROP CONSTRAINT user_bans_user_id_fkey; " +
			"ALTER TABLE user_bans ADD CONSTRAINT user_bans_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE NOT VALID",
		[]string{"fail validate.foreign_keys_valid"},
		"user_bans_user_id_fkey=not validated", `VALIDATE CONSTRAINT "user_bans_user_id_fkey";`,
	},
	"trigger missing": {
		"DROP TRIGGER trg_update_thread_flag_count ON content_flags",
		[]string{"fail validate.triggers.content_flags", "skip validate.writes.content_flags"},
		"trigger trg_update_thread_flag_count=missing",
		`CREATE TRIGGER "trg_update_thread_flag_count" AFTER INSERT OR UPDATE OR DELETE ON "public"."content_flags" FOR EACH ROW`,
	},
	"trigger disabled": {
		"ALTER TABLE moderation_appeals DISABLE TRIGGER trg_moderation_appeals_resolved",
		[]string{"fail validate.triggers.moderation_appeals", "skip validate.writes.moderation_appeals"},
		"trg_moderation_appeals_resolved=disabled", "ENABLE TRIGGER",
	},
	"trigger for replicas alone": {
		"ALTER TABLE moderation_appeals ENABLE REPLICA TRIGGER trg_moderation_appeals_resolved",
		[]string{"fail validate.triggers.moderation_appeals", "skip validate.writes.moderation_appeals"},
		"enabled on replicas alone", "ENABLE TRIGGER",
	},
	"trigger at another time": {
		"DROP TRIGGER trg_update_thread_flag_count ON content_flags; " +
			"CREATE TRIGGER trg_update_thread_flag_count AFTER INSERT ON content_flags FOR EACH ROW EXECUTE FUNCTION update_thread_flag_count()",
		[]string{"fail validate.triggers.content_flags", "skip validate.writes.content_flags"},
		"is after insert → update_thread_flag_count(), not after insert or update or delete", "DROP TRIGGER",
	},
	"function missing, and its trigger with it": {
		"DROP FUNCTION update_thread_flag_count() CASCADE",
		[]string{
			"fail validate.triggers.content_flags", "fail validate.functions.update_thread_flag_count",
			"skip validate.writes.content_flags",
		},
		"missing", "CREATE TRIGGER",
	},
	"function that does nothing": {
		"CREATE OR REPLACE FUNCTION update_thread_flag_count() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
		[]string{"fail validate.writes.content_flags"},
		"SELECT flag_count FROM forum_threads", "compare",
	},
	"function that raises": {
		"CREATE OR REPLACE FUNCTION update_thread_reply_count() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'",
		[]string{"fail validate.writes.forum_replies"},
		"server=no (P0001)", "mend",
	},
}

// TestEachBrokenObjectFailsItsOwnCheck breaks one object of each kind and wants
// that check to fail, no other, and what hangs on it to skip.
func TestEachBrokenObjectFailsItsOwnCheck(t *testing.T) {
	t.Parallel()
	for name, test := range harms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := moderationAt(t, 97)
			pgtest.Exec(t, target, test.harm)
			results := look(t, target, release.Moderation(), 97)
			if diff := cmp.Diff(test.want, not(results)); diff != "" {
				t.Error(diff)
			}
			first := slices.IndexFunc(results, func(r ops.Result) bool { return r.Status == ops.StatusFail })
			if first < 0 {
				t.Fatal("nothing failed")
			}
			r := results[first]
			if facts := evidence(r); !strings.Contains(facts, test.fact) {
				t.Errorf("evidence %q, want %q", facts, test.fact)
			}
			if !strings.Contains(r.Fix, test.fix) {
				t.Errorf("fix %q, want %q", r.Fix, test.fix)
			}
		})
	}
}

// evidence is the facts of a result in one text.
func evidence(r ops.Result) string {
	var parts []string
	for _, f := range r.Evidence {
		parts = append(parts, f.Name+"="+f.Value)
	}
	return strings.Join(parts, " | ")
}

// TestTheFixOfAMissingObjectMendsIt types the fixes that are whole statements.
func TestTheFixOfAMissingObjectMendsIt(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"index":       "DROP INDEX uq_modqueue_content_pending",
		"foreign key": "ALTER TABLE content_flags DROP CONSTRAINT content_flags_reviewed_by_fkey",
		"trigger":     "DROP TRIGGER trg_moderation_queue_reviewed ON moderation_queue",
		"column":      "ALTER TABLE moderation_queue ALTER COLUMN priority TYPE bigint, ALTER COLUMN priority SET DEFAULT 7, ALTER COLUMN content_type DROP NOT NULL",
		"validation": "ALTER TABLE user_bans DROP CONSTRAINT user_bans_user_id_fkey; " +
			"ALTER TABLE user_bans ADD CONSTRAINT user_bans_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE NOT VALID",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := moderationAt(t, 97)
			pgtest.Exec(t, target, sql)
			for _, r := range look(t, target, release.Moderation(), 97) {
				if r.Status != ops.StatusFail {
					continue
				}
				for statement := range strings.SplitSeq(strings.TrimSuffix(r.Fix, ";"), "; ") {
					pgtest.Exec(t, target, statement)
				}
			}
			if got := not(look(t, target, release.Moderation(), 97)); got != nil {
				t.Errorf("after the fix: %v", got)
			}
		})
	}
}
