package rehearsal_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/google/go-cmp/cmp"
)

// strong are the locks in lines, weak ones left out.
func strong(locks []rehearsal.Lock) []string {
	var lines []string
	for _, l := range locks {
		if l.Mode > rehearsal.RowExclusive {
			lines = append(lines, fmt.Sprintf("%s %s by %d", known(l.Relation), l.Mode, l.Statement))
		}
	}
	return lines
}

// TestLocksAreHeldToTheCommit: from the statement that took them, and made them stronger.
func TestLocksAreHeldToTheCommit(t *testing.T) {
	t.Parallel()
	f := run(t, pgtest.New(t), house, strings.Join([]string{
		"COMMENT ON TABLE people IS 'x'",       // SHARE UPDATE EXCLUSIVE
		"SELECT pg_sleep(0.2)",                 //
		"ALTER TABLE people ADD COLUMN a int",  // ACCESS EXCLUSIVE
		"CREATE INDEX pets_name ON pets(name)", // SHARE
		"SELECT pg_sleep(0.3)",
		"SELECT count(*) FROM people",
	}, ";\n"))
	want := []string{"people ACCESS EXCLUSIVE by 2", "pets SHARE by 3"}
	if diff := cmp.Diff(want, strong(f.Locks)); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, s := range f.Statements {
		got = append(got, strings.Join(strong(s.Locks), ", "))
	}
	want = []string{"people SHARE UPDATE EXCLUSIVE by 0", "", "people ACCESS EXCLUSIVE by 2", "pets SHARE by 3", "", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	weak := f.Statements[0].Locks[0]
	if weak.Held < 500*time.Millisecond || f.Locks[0].Held < 300*time.Millisecond || f.Locks[0].Held > weak.Held-200*time.Millisecond {
		t.Errorf("held %s, then %s", weak.Held, f.Locks[0].Held)
	}
	var sum time.Duration
	for _, s := range f.Statements {
		sum += s.Took
	}
	if f.Took < sum || weak.Held > f.Took || f.Statements[1].Took < 200*time.Millisecond {
		t.Errorf("the file took %s, its statements %s", f.Took, sum)
	}
}

// TestLocksOfFilesFollowingEachOther: each file has its own, and what an earlier file made
// is new to nobody.
func TestLocksOfFilesFollowingEachOther(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, house)
	o := rehearse(t, forward(t, clone, chainOf(t,
		[2]string{"CREATE TABLE toys (id int PRIMARY KEY);\nALTER TABLE toys ADD COLUMN name text;\nALTER TABLE pets ADD COLUMN toy int;", "ALTER TABLE pets DROP COLUMN toy; DROP TABLE toys;"},
		[2]string{"ALTER TABLE toys ADD COLUMN price int;\nCREATE INDEX toys_price ON toys (price);", "ALTER TABLE toys DROP COLUMN price;"},
	)))
	whole(t, o, thrice...)
	there, back := o.Pass(rehearsal.There), o.Pass(rehearsal.Back)
	got := [][]string{strong(there.Files[0].Locks), strong(there.Files[1].Locks), strong(back.Files[0].Locks)[:1]}
	want := [][]string{
		{"pets ACCESS EXCLUSIVE by 2"},       // nobody sees toys before the commit
		{"toys (new) ACCESS EXCLUSIVE by 0"}, // the plan made it
		{"toys ACCESS EXCLUSIVE by 0"},       // by then it is there
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if built := there.Files[1].Statements[1].Built; len(built) != 0 {
		t.Errorf("an index of a new table: %v", built)
	}
	for _, f := range o.Pass(rehearsal.Again).Files {
		if len(f.Statements) != 0 || len(f.Locks) != 0 || f.Took <= 0 {
			t.Errorf("measured again: %+v", f)
		}
	}
}

// TestWhatCodeUndoesIsNotThere: a subtransaction that is rolled back leaves no trace.
func TestWhatCodeUndoesIsNotThere(t *testing.T) {
	t.Parallel()
	f := run(t, pgtest.New(t), house, `DO $$ BEGIN
		BEGIN
			ALTER TABLE pets ADD COLUMN x int;
			DROP TABLE events;
			RAISE EXCEPTION 'no';
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
		BEGIN
			ALTER TABLE people ADD COLUMN y int;
			CREATE INDEX people_name ON people (name);
			CREATE TABLE made (id int);
		EXCEPTION WHEN others THEN RAISE;
		END;
	END $$;`)
	want := []string{"lock table people ACCESS EXCLUSIVE", "built people_name on people", "scanned people", "made index people_name", "made table made"}
	if diff := cmp.Diff(want, told(f.Statements[0])); diff != "" {
		t.Error(diff)
	}
}

// TestFilesThatChangeTheirSession are measured like any other, and so are those after them.
func TestFilesThatChangeTheirSession(t *testing.T) {
	t.Parallel()
	for name, up := range map[string]string{
		"search_path":        "SET search_path = elsewhere;\nCREATE TABLE things (id int);\nALTER TABLE public.people ADD COLUMN a int;",
		"a role":             "SET ROLE pg_read_all_data;\nSELECT count(*) FROM people;\nRESET ROLE;\nALTER TABLE people ADD COLUMN a int;",
		"its own BEGIN":      "BEGIN;\nSELECT 1;\nALTER TABLE people ADD COLUMN a int;\nCOMMIT;",
		"isolation":          "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT 1;\nALTER TABLE people ADD COLUMN a int;\nCOMMIT;",
		"prepared statement": "PREPARE p AS SELECT 1;\nEXECUTE p;\nDEALLOCATE ALL;\nALTER TABLE people ADD COLUMN a int;",
		"plans":              "SELECT 1;\nDISCARD PLANS;\nALTER TABLE people ADD COLUMN a int;",
		"names like ours":    "CREATE SCHEMA pg; CREATE TEMP TABLE pg_class (oid oid, relname name);\nCREATE TEMP TABLE people (id int);\nALTER TABLE public.people ADD COLUMN a int;",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clone := pgtest.New(t)
			pgtest.Exec(t, clone, house+"CREATE SCHEMA elsewhere;")
			o := rehearse(t, forward(t, clone, chainOf(t, [2]string{up, "ALTER TABLE people DROP COLUMN a;"}, [2]string{"INSERT INTO pets VALUES (99);", "DELETE FROM pets WHERE id = 99;"})))
			there := o.Pass(rehearsal.There)
			if there.Failure != nil {
				t.Fatal(show(there.Failure))
			}
			s := there.Files[0].Statements
			if last := told(s[len(s)-1]); len(last) != 1 || last[0] != "lock table people ACCESS EXCLUSIVE" {
				t.Errorf("%q", last)
			}
			if rows := told(there.Files[1].Statements[0]); len(rows) != 1 || rows[0] != "rows pets +1 ~0 -0" {
				t.Errorf("%q", rows)
			}
		})
	}
}

// TestRowsAreThoseOfTheirStatement, however the server adds them up.
func TestRowsAreThoseOfTheirStatement(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, house)
	var pairs [][2]string
	for i := range 3 {
		pairs = append(pairs, [2]string{
			fmt.Sprintf("INSERT INTO people SELECT 1000 * %d + i FROM generate_series(1, 7) i;\nUPDATE people SET age = 1 WHERE id > 1000 * %d;\nDELETE FROM people WHERE id > 1000 * %d + 4;", i+1, i+1, i+1),
			fmt.Sprintf("DELETE FROM people WHERE id > 1000 * %d;", i+1),
		})
	}
	pairs = append(pairs, [2]string{"INSERT INTO pets VALUES (50), (51); TRUNCATE pets; INSERT INTO pets VALUES (52); DROP TABLE pets;", "SELECT 1;"})
	in := forward(t, clone, chainOf(t, pairs...))
	in.Back = nil
	there := rehearse(t, in).Pass(rehearsal.There)
	var got []string
	for _, f := range there.Files {
		for _, s := range f.Statements {
			for _, r := range s.Rows {
				got = append(got, fmt.Sprintf("%s %s +%d ~%d -%d", f.ID(), r.Relation, r.Inserted, r.Updated, r.Deleted))
			}
		}
	}
	var want []string
	for i := range 3 {
		id := fmt.Sprintf("%06d people ", i+1)
		want = append(want, id+"+7 ~0 -0", id+"+0 ~7 -0", id+"+0 ~0 -3")
	}
	want = append(want, "000004 pets +2 ~0 -0", "000004 pets +0 ~0 -22", "000004 pets +1 ~0 -0", "000004 pets +0 ~0 -1")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestSizesAndLogAreMeasured in bytes.
func TestSizesAndLogAreMeasured(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, house)
	o := rehearse(t, forward(t, clone, chainOf(t,
		[2]string{"CREATE TABLE big AS SELECT i, repeat('x', 100) AS t FROM generate_series(1, 10000) i;\nCREATE INDEX big_i ON big (i);", "DROP TABLE big;"},
		[2]string{"DELETE FROM big;\nTRUNCATE big;", "SELECT 1;"},
	)))
	there := o.Pass(rehearsal.There).Files
	const table, index = 10000 * 130, 10000 * 16
	if g := there[0].Grown; g < table+index || g > 3*(table+index) {
		t.Errorf("grown by %d", g)
	}
	made, indexed := there[0].Statements[0].Grown, there[0].Statements[1].Grown
	if made < table || indexed < index || indexed > 3*index || made+indexed != there[0].Grown {
		t.Errorf("the table grew by %d, its index by %d, the file by %d", made, indexed, there[0].Grown)
	}
	if g := there[1].Statements[1].Grown; g > -table {
		t.Errorf("TRUNCATE took %d", g)
	}
	if w := there[0].WAL; w < table || w != there[0].Statements[0].WAL+there[0].Statements[1].WAL {
		t.Errorf("%d bytes of log, %d and %d", w, there[0].Statements[0].WAL, there[0].Statements[1].WAL)
	}
	if g := there[1].Grown; g > -table || g < -3*(table+index) {
		t.Errorf("grown by %d with TRUNCATE", g)
	}
	if r := there[1].Statements[0].Rows; len(r) != 1 || r[0].Deleted != 10000 {
		t.Errorf("%+v", r)
	}
	if r := there[1].Statements[1].Rows; len(r) != 0 {
		t.Errorf("rows are lost twice: %+v", r)
	}
}

// TestRenamedTableKeepsItsSize: the target knows it by the old name.
func TestRenamedTableKeepsItsSize(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, house)
	in := forward(t, clone, chainOf(t, [2]string{"ALTER TABLE people RENAME TO persons;\nALTER TABLE persons ADD COLUMN a int;", "ALTER TABLE persons RENAME TO people; ALTER TABLE people DROP COLUMN a;"}))
	in.Sizes = map[string]rehearsal.Size{"people": {Rows: 1e6, Bytes: 1e8}}
	o := rehearse(t, in)
	s := o.Pass(rehearsal.There).Files[0].Statements
	if got := s[0].Locks[0].Relation.String(); got != "people" {
		t.Errorf("locked by its old name: %s", got)
	}
	if o.Sizes["persons"] != o.Sizes["people"] || o.Sizes["people"].Rows != 1e6 {
		t.Errorf("%v", o.Sizes)
	}
	if len(in.Sizes) != 1 {
		t.Error("the caller's own sizes were changed")
	}
	if diff := cmp.Diff([]string{"people ACCESS EXCLUSIVE by 0"}, strong(o.Pass(rehearsal.There).Files[0].Locks)[:1]); diff != "" {
		t.Error(diff)
	}
}

// TestChangesOfALongPlanStandInGroups: every change stands once, with a file that ends a
// group, and the groups follow each other without a gap.
func TestChangesOfALongPlanStandInGroups(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{}
	for i := 1; i <= 48; i++ {
		id := fmt.Sprintf("%06d_step", 5*i) // there are gaps between the numbers
		fsys[id+".up.sql"] = &fstest.MapFile{Data: fmt.Appendf(nil, "CREATE TABLE t%d (id int); SELECT pg_sleep(0.02);", i)}
		fsys[id+".down.sql"] = &fstest.MapFile{Data: fmt.Appendf(nil, "DROP TABLE t%d;", i)}
	}
	o := rehearse(t, forward(t, pgtest.New(t), sourceOf(t, fsys)))
	whole(t, o, thrice...)
	for _, p := range o.Passes[:2] {
		groups, since := 0, ""
		var changes []pg.Change
		for _, f := range p.Files {
			if f.Grouped {
				if len(f.Changes) > 0 || f.Since != "" {
					t.Errorf("%s %s has changes and says they stand elsewhere", p.Name, f.ID())
				}
				if since == "" {
					since = f.ID()
				}
				continue
			}
			groups++
			if f.Since != since {
				t.Errorf("%s %s begins at %q, not %q", p.Name, f.ID(), f.Since, since)
			}
			since = ""
			changes = append(changes, f.Changes...)
		}
		if len(changes) != 48 || since != "" || groups > 10 || p.Files[47].Grouped {
			t.Errorf("%s: %d changes in %d groups", p.Name, len(changes), groups)
		}
	}
}

// TestChangesOfAShortPlan stand with each file, the engine's own table with none.
func TestChangesOfAShortPlan(t *testing.T) {
	t.Parallel()
	o := rehearse(t, forward(t, pgtest.New(t), chainOf(t,
		[2]string{"CREATE TABLE a (id int);", "DROP TABLE a;"},
		[2]string{"SELECT 1;", "SELECT 1;"},
		[2]string{"ALTER TABLE a ADD COLUMN b text;", "ALTER TABLE a DROP COLUMN b;"},
	)))
	var got []string
	for _, f := range o.Pass(rehearsal.There).Files {
		got = append(got, fmt.Sprint(f.Changes))
	}
	want := []string{"[+ table a (1 column)]", "[]", "[+ column a.b text]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAdditionsToANewTableAreToldOfALaterStatement: nobody else sees the table. One of the
// same name that was there before is another matter.
func TestAdditionsToANewTableAreToldOfALaterStatement(t *testing.T) {
	t.Parallel()
	f := run(t, pgtest.New(t), house+"CREATE SCHEMA other; CREATE TABLE other.same (id int);", strings.Join([]string{
		"CREATE TABLE new (id int, name text)", "CREATE INDEX new_id ON new (id)", "COMMENT ON COLUMN public.new.id IS 'x'",
		"CREATE UNIQUE INDEX ON ONLY public.new USING btree (name)", "CREATE TABLE same (id int)", "CREATE INDEX same_id ON same (id)",
		"CREATE INDEX other_id ON other.same (id)", "CREATE INDEX people_name ON people (name)", "COMMENT ON TABLE new IS 'x'",
	}, ";\n"))
	var got []string
	for _, s := range f.Statements {
		got = append(got, strings.Join(told(s), ", "))
	}
	want := []string{
		"made table new", "", "", "", "made index new_id, made index new_name_idx, made table same", "made index same_id",
		"lock table other.same SHARE, built other.other_id on other.same, scanned other.same, made index other.other_id",
		"lock table people SHARE, built people_name on people, scanned people, made index people_name", "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"other.same SHARE by 6", "people SHARE by 7"}, strong(f.Locks)); diff != "" {
		t.Error(diff)
	}
}
