package rehearsal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/google/go-cmp/cmp"
)

// TestWhatRunsOutsideATransaction: its locks are gone when it is over, and are found all
// the same, each time.
func TestWhatRunsOutsideATransaction(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		up   string
		want []string
	}{
		"create index": {
			"CREATE INDEX CONCURRENTLY people_name ON people (name);",
			[]string{"lock table people SHARE UPDATE EXCLUSIVE", "built people_name on people", "scanned people", "made index people_name"},
		},
		"create index on a materialized view": {
			"CREATE UNIQUE INDEX CONCURRENTLY names_id ON names (id);",
			[]string{"lock materialized view names SHARE UPDATE EXCLUSIVE", "built names_id on names", "scanned names", "made index names_id"},
		},
		"drop index": {
			"DROP INDEX CONCURRENTLY people_age;",
			[]string{"lock table people SHARE UPDATE EXCLUSIVE", "dropped index people_age"},
		},
		"reindex": {
			"REINDEX INDEX CONCURRENTLY people_age;",
			[]string{"lock table people SHARE UPDATE EXCLUSIVE", "built people_age on people", "scanned people"},
		},
		"vacuum full": {
			"VACUUM FULL people;",
			[]string{"lock table people ACCESS EXCLUSIVE", "rewritten people", "scanned people"},
		},
		"vacuum full of two": {
			"VACUUM FULL people, pets;",
			[]string{"lock table people ACCESS EXCLUSIVE", "lock table pets ACCESS EXCLUSIVE", "rewritten people", "rewritten pets", "scanned people", "scanned pets"},
		},
		"vacuum": {"VACUUM pets;", []string{"lock table pets SHARE UPDATE EXCLUSIVE"}},
		"detach": {
			"ALTER TABLE events DETACH PARTITION events_2024 CONCURRENTLY;",
			[]string{"lock partitioned table events SHARE UPDATE EXCLUSIVE", "lock table events_2024 ACCESS EXCLUSIVE"},
		},
		"code that comes back for more": {
			"DO $$ BEGIN UPDATE people SET age = 1 WHERE id = 1; COMMIT; ALTER TABLE people ADD COLUMN a int; COMMIT; END $$;",
			[]string{"lock table people ACCESS EXCLUSIVE"},
		},
		"code that commits": {
			"DO $$ BEGIN ALTER TABLE people ADD COLUMN a int; COMMIT; DROP TABLE pets; COMMIT; END $$;",
			[]string{
				"lock table people ACCESS EXCLUSIVE", "lock table pets ACCESS EXCLUSIVE",
				"dropped table pets", "dropped index pets_pkey", "rows pets +0 ~0 -20",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := run(t, pgtest.New(t), house, c.up)
			if len(f.Statements) != 1 {
				t.Fatalf("%d statements", len(f.Statements))
			}
			s := f.Statements[0]
			var got []string
			for _, line := range told(s) {
				// An index is only seen in passing.
				if !strings.HasPrefix(line, "lock index") {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			for _, l := range s.Locks {
				if l.Held > s.Took {
					t.Errorf("%s held for %s of %s", l.Relation, l.Held, s.Took)
				}
			}
			if f.Took < s.Took || s.Took <= 0 || s.Took > time.Minute {
				t.Errorf("%s of %s", s.Took, f.Took)
			}
		})
	}
}

// TestStatementsThatRunOutsideATransaction are measured one by one, there and back.
func TestStatementsThatRunOutsideATransaction(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, house)
	src := chainOf(t, [2]string{
		"SET lock_timeout = '5s';\nCREATE INDEX CONCURRENTLY a ON people (name);\nCREATE INDEX CONCURRENTLY b ON people (name, age);\nCREATE INDEX CONCURRENTLY c ON pets (name);",
		"DROP INDEX CONCURRENTLY c;\nDROP INDEX CONCURRENTLY b;\nDROP INDEX CONCURRENTLY a;",
	})
	o := rehearse(t, forward(t, clone, src))
	whole(t, o, thrice...)
	same(t, o.Before, o.Pass(rehearsal.Back).After)
	same(t, o.Pass(rehearsal.There).After, o.Pass(rehearsal.Again).After)
	var got []string
	for _, pass := range o.Passes[:2] {
		f := pass.Files[0]
		for _, s := range f.Statements {
			got = append(got, fmt.Sprintf("%s %d line %d: %s", pass.Name, s.Index, s.Line, strings.Join(told(s), ", ")))
		}
		got = append(got, fmt.Sprintf("%s: %d locks, %d changes", pass.Name, len(f.Locks), len(f.Changes)))
	}
	want := []string{
		"there 0 line 1: ",
		"there 1 line 2: lock table people SHARE UPDATE EXCLUSIVE, built a on people, scanned people, made index a",
		"there 2 line 3: lock table people SHARE UPDATE EXCLUSIVE, built b on people, scanned people, made index b",
		"there 3 line 4: lock table pets SHARE UPDATE EXCLUSIVE, built c on pets, scanned pets, made index c",
		"there: 2 locks, 3 changes",
	}
	if diff := cmp.Diff(want, got[:5]); diff != "" {
		t.Error(diff)
	}
	for i, name := range []string{"c", "b", "a"} {
		if !strings.Contains(got[5+i], "lock table") || !strings.HasSuffix(got[5+i], "dropped index "+name) {
			t.Error(got[5+i])
		}
	}
	pgtest.Eventually(t, func() bool { // the server notices a moment later that a session was ended
		return pgtest.QueryValue[int](t, clone, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'clipperops%'") == 0
	}, "no session is left")
}

// TestGuardOfARoleThatOwnsNotEverything: what it may not lock is only watched.
func TestGuardOfARoleThatOwnsNotEverything(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t, pgtest.AsRole())
	admin := pgtest.Shared(t).WithDatabase(clone.Database)
	pgtest.Exec(t, admin, "CREATE TABLE foreign_to_us (id int)")
	f := run(t, clone, "CREATE TABLE ours (id int)", "CREATE INDEX CONCURRENTLY ours_id ON ours (id);")
	want := []string{"lock table ours SHARE UPDATE EXCLUSIVE", "built ours_id on ours", "scanned ours", "made index ours_id"}
	if diff := cmp.Diff(want, told(f.Statements[0])[:4]); diff != "" {
		t.Error(diff)
	}
}

// TestFailureOutsideATransaction leaves no guard in anybody's way.
func TestFailureOutsideATransaction(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, house)
	o := rehearse(t, forward(t, clone, chainOf(t, [2]string{
		"CREATE INDEX CONCURRENTLY a ON people (name);\nCREATE UNIQUE INDEX CONCURRENTLY b ON pets (name);", "SELECT 1;",
	})))
	there := o.Pass(rehearsal.There)
	if len(o.Passes) != 1 || there.Failure == nil || !strings.Contains(show(there.Failure), "line 2: ERROR could not create unique index") {
		t.Fatalf("%+v", there)
	}
	if len(there.Files) != 0 || there.After == nil || there.After.Equal(o.Before) {
		t.Errorf("%d files; what it left cannot be seen", len(there.Files))
	}
	pgtest.Exec(t, clone, "SET lock_timeout = '5s'; LOCK TABLE people, pets")
}

// TestCodeThatCommits may do so on the way up; no rollback would let it.
func TestCodeThatCommits(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, house+"CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE people ADD COLUMN IF NOT EXISTS x int; COMMIT; END $$;")
	o := rehearse(t, forward(t, clone, chainOf(t, [2]string{"CALL p();", "CALL p();"})))
	there, back := o.Pass(rehearsal.There), o.Pass(rehearsal.Back)
	if there.Failure != nil || len(there.Files) != 1 || len(there.Files[0].Statements) != 1 {
		t.Fatalf("%+v", there)
	}
	if got := strong(there.Files[0].Locks); len(got) != 1 || got[0] != "people ACCESS EXCLUSIVE by 0" {
		t.Errorf("%q", got)
	}
	if back.Failure == nil || !strings.Contains(show(back.Failure), "2D000") {
		t.Errorf("%+v", back.Failure)
	}
}
