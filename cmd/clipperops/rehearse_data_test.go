package main

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestAFileThatFailsOnRows works on the empty clone and fails on the rows that are there:
// with data the rehearsal finds it, without it apply does, and leaves the version before,
// clean.
func TestAFileThatFailsOnRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ up, down, says string }{
		"a unique index": {
			"CREATE UNIQUE INDEX one_comment_each ON comments ((1));\n", "DROP INDEX one_comment_each;\n", "could not create unique index",
		},
		"a column that must be there": {
			"ALTER TABLE comments ADD COLUMN karma int NOT NULL;\n", "ALTER TABLE comments DROP COLUMN karma;\n", `column "karma" of relation "comments" contains null values`,
		},
		"a check": {
			"ALTER TABLE users ADD CONSTRAINT nobody CHECK (id IS NULL);\n", "ALTER TABLE users DROP CONSTRAINT nobody;\n", `check constraint "nobody" of relation "users" is violated`,
		},
		"a statement that divides by what it reads": {
			"DO $$ BEGIN PERFORM 1 / (count(*) - count(*)) FROM users HAVING count(*) > 0; END $$;\n", "SELECT 1;\n", "division by zero",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := atTen(t)
			chosen := p.tiny(map[string]string{
				"000011_one.up.sql": makeOne, "000011_one.down.sql": "DROP TABLE one;\n",
				"000012_rows.up.sql": c.up, "000012_rows.down.sql": c.down,
			})
			before := p.schema()
			d := p.wantsDocument(ops.ExitRefused, "migrate --rehearse data"+chosen)
			wantRefused(t, d, "000012_rows.up.sql", "line 1", c.says, "versions up to 11 can be reached; 12 cannot", "the database was not touched")
			wantResult(t, d, "rehearse", "rehearse.backup", ops.StatusPass, "restorable", "tables")
			if r := rehearsalOf(t, d); r.Mode != "data" {
				t.Errorf("the mode is %q", r.Mode)
			}
			p.wantVersion(10)
			p.wantSchema(before)
			p.wantBackups("db-*.sql.gz", 1)

			text := p.wants(ops.ExitFailed, "migrate --skip-backup"+chosen, "000012_rows.up.sql failed; nothing of it was applied", c.says,
				"the database is at version 11, clean")
			if !strings.Contains(text, "a clone on") {
				t.Errorf("it was not rehearsed:\n%s", text)
			}
			p.wantVersion(11)
			p.wantNoScratch()
		})
	}
}

// TestRehearsingWithTheBackupProvesIt: the very file that was just taken is restored, its
// rows counted, and what the change does to rows is known.
func TestRehearsingWithTheBackupProvesIt(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_calm.up.sql":   "UPDATE users SET username = username || '';\nDELETE FROM comments;\n",
		"000011_calm.down.sql": "SELECT 1;\n",
	})
	comments := pgtest.QueryValue[int64](t, p.target, "SELECT count(*) FROM comments")
	users := pgtest.QueryValue[int64](t, p.target, "SELECT count(*) FROM users")
	d := p.wantsDocument(ops.ExitDone, "migrate rehearse --rehearse data"+chosen)
	wantResult(t, d, "rehearse", "rehearse.backup", ops.StatusPass, "restorable")
	wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass, "rows")
	statements := rehearsalOf(t, d).Passes[0].Files[0].Statements
	if len(statements) != 2 || len(statements[0].Rows) != 1 || len(statements[1].Rows) != 1 ||
		statements[0].Rows[0].Updated != users || statements[1].Rows[0].Deleted != comments {
		t.Errorf("%d users updated, %d comments deleted: %+v", users, comments, statements)
	}
	text := ""
	for _, r := range stepOf(t, d, "rehearse").Results {
		if r.ID == "rehearse.lost" || r.ID == "rehearse.rows" {
			text += r.Summary + "\n"
			for _, f := range r.Evidence {
				text += f.Name + " " + f.Value + "\n"
			}
		}
	}
	if !strings.Contains(text, "comments") {
		t.Errorf("the deleted comments are not told of:\n%s", text)
	}
	p.wantVersion(10)
	if n := pgtest.QueryValue[int64](t, p.target, "SELECT count(*) FROM comments"); n != comments {
		t.Errorf("%d comments, before %d", n, comments)
	}
	p.wantNoScratch()

	// The whole flow, and the default in clipperops.yaml.
	p.write(p.path("clipperops.yaml"), "environments:\n  staging:\n    rehearse: {mode: data}\n")
	p.wants(ops.ExitUsage, "migrate --skip-backup", "--skip-backup")
	d = p.wantsDocument(ops.ExitDone, "migrate")
	wantResult(t, d, "rehearse", "rehearse.backup", ops.StatusPass, "restorable")
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	d = p.wantsDocument(ops.ExitDone, "rollback --target 10")
	wantResult(t, d, "rehearse", "rehearse.backup", ops.StatusPass, "restorable")
	wantResult(t, d, "prove", "rollback.rehearsed", ops.StatusPass)
	d = p.wantsDocument(ops.ExitDone, "migrate --rehearse schema --skip-backup")
	if r := rehearsalOf(t, d); r.Mode != "schema" {
		t.Errorf("the mode is %q", r.Mode)
	}
	p.wantNoScratch()
}

// TestRehearsingWithDataOnAThrowawayServer takes the rows there.
func TestRehearsingWithDataOnAThrowawayServer(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	d := p.wantsDocument(ops.ExitDone, "migrate --rehearse data --rehearse-on local")
	wantResult(t, d, "rehearse", "rehearse.backup", ops.StatusPass, "restorable")
	wantResult(t, d, "rehearse", "rehearse.clone", ops.StatusPass, "a clone on "+throwaway, "the backup")
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	p.wantVersion(97)
}
