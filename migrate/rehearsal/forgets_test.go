package rehearsal_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/pgtest"
)

// TestFileThatThrowsPreparedStatementsAway: what measures the next file is prepared again,
// for the engine opens another session behind such a file.
func TestFileThatThrowsPreparedStatementsAway(t *testing.T) {
	t.Parallel()
	for name, up := range map[string]string{
		"DEALLOCATE ALL": "CREATE TABLE a (id int);\nDEALLOCATE ALL;\nCREATE TABLE b (id int);",
		"DISCARD PLANS":  "CREATE TABLE a (id int);\nDISCARD PLANS;\nCREATE TABLE b (id int);",
		"in a DO block":  "DO $$ BEGIN CREATE TABLE a (id int); EXECUTE 'DEALLOCATE ALL'; CREATE TABLE b (id int); END $$;",
		"in a comment":   "-- DISCARD nothing\nCREATE TABLE a (id int); CREATE TABLE b (id int);",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := rehearse(t, forward(t, pgtest.New(t), chainOf(t,
				[2]string{"CREATE TABLE first (id int);", "DROP TABLE first;"},
				[2]string{up, "DEALLOCATE ALL; DROP TABLE a, b;"},
				[2]string{"ALTER TABLE a ADD COLUMN n int;", "ALTER TABLE a DROP COLUMN n;"},
			)))
			whole(t, o, thrice...)
			if locks := o.Passes[0].Files[2].Locks; len(locks) == 0 {
				t.Error("the file behind it is not measured")
			}
		})
	}
}
