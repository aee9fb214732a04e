package rehearsal

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
)

// chain makes a directory of migrations out of "000060_x.up" → SQL; a file that has no
// counterpart gets one that does nothing.
func chain(t *testing.T, bodies map[string]string) *migrate.Source {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, body := range bodies {
		fsys[name+".sql"] = &fstest.MapFile{Data: []byte(body)}
		other := strings.Replace(name, ".up", ".down", 1)
		if other == name {
			other = strings.Replace(name, ".down", ".up", 1)
		}
		if _, there := bodies[other]; !there {
			fsys[other+".sql"] = &fstest.MapFile{Data: []byte("SELECT 1;")}
		}
	}
	src, err := migrate.ReadSource(fsys, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func standing(version int64) migrate.State {
	return migrate.State{Schema: "public", Table: true, Rows: 1, Version: version}
}

// rehearsed runs a plan and the way back on the database.
func rehearsed(t *testing.T, in Input) *Outcome {
	t.Helper()
	o, err := Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func planUp(t *testing.T, src *migrate.Source, from, to int64) *migrate.Plan {
	t.Helper()
	p, err := migrate.PlanUp(src, standing(from), uint64(to), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func planDown(t *testing.T, src *migrate.Source, from, to int64) *migrate.Plan {
	t.Helper()
	p, err := migrate.PlanDown(src, standing(from), uint64(to), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// at sets the database to a version.
func setVersion(t *testing.T, db config.Target, version int64) {
	t.Helper()
	if err := migrate.SetVersion(t.Context(), pgtest.Connect(t, db), version, false); err != nil {
		t.Fatal(err)
	}
}

// TestARollbackSomethingDependsOn is a chain with gaps in its numbers whose down files
// fail at one, for somebody made a view on its table meanwhile.
func TestARollbackSomethingDependsOn(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	src := chain(t, map[string]string{
		"000010_base.up": "SELECT 1;",
		"000058_a.up":    "CREATE TABLE a (id int);", "000058_a.down": "DROP TABLE a;",
		"000060_b.up": "CREATE TABLE b (id int);", "000060_b.down": "-- the table\n\nDROP TABLE b;",
		"000069_c.up": "CREATE TABLE c (id int);", "000069_c.down": "DROP TABLE c;",
		"000097_d.up": "CREATE TABLE d (id int);", "000097_d.down": "DROP TABLE d;",
	})
	pgtest.Exec(t, clone, "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE c (id int); CREATE TABLE d (id int); CREATE VIEW late AS SELECT id FROM b")
	setVersion(t, clone, 97)
	o := rehearsed(t, Input{Clone: clone, Plan: planDown(t, src, 97, 10), Back: planUp(t, src, 10, 97)})
	f := o.Refusal()
	if f == nil || f.Code != ops.ExitRefused {
		t.Fatalf("%+v", f)
	}
	text := strings.Join(append(append([]string{f.What}, f.Detail...), f.Next...), "\n")
	has(t, "refusal", text,
		"000060_b.down.sql fails on a clone of the database",
		"line 3: ERROR cannot drop table b because other objects depend on it (2BP01)", "view late depends on table b",
		"targets 69 … 60 can be reached; 58 cannot, because 000060_b.down.sql:3: cannot drop table b because other objects depend on it",
		"clipperops rollback --target 60")
}

func TestAGrantToARoleThatIsMissing(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	src := chain(t, map[string]string{
		"000001_a.up": "CREATE TABLE a (id int);", "000001_a.down": "DROP TABLE a;",
		"000002_b.up": "SELECT 1;\nGRANT SELECT ON a TO clipper_nobody_at_all;",
	})
	plan, err := migrate.PlanUp(src, migrate.State{Schema: "public", Version: -1}, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := rehearsed(t, Input{Clone: clone, Plan: plan}).Refusal()
	if f == nil {
		t.Fatal("nothing is refused")
	}
	has(t, "refusal", strings.Join(append(append([]string{f.What}, f.Detail...), f.Next...), "\n"),
		"000002_b.up.sql fails on a clone", `role "clipper_nobody_at_all" does not exist`, "versions up to 1 can be reached; 2 cannot, because 000002_b.up.sql:2:", "clipperops migrate --target 1")
}

// TestAnIrreversibleChain leaves an index behind that its down file forgot.
func TestAnIrreversibleChain(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, "CREATE TABLE a (id int, n int)")
	setVersion(t, clone, 1)
	src := chain(t, map[string]string{
		"000001_a.up": "SELECT 1;",
		"000002_b.up": "ALTER TABLE a ADD COLUMN m int; CREATE INDEX a_n ON a (n);", "000002_b.down": "ALTER TABLE a DROP COLUMN m;",
		"000003_c.up": "CREATE TABLE c (id int);", "000003_c.down": "DROP TABLE c;",
	})
	o := rehearsed(t, Input{Clone: clone, Plan: planUp(t, src, 1, 3), Back: planDown(t, src, 3, 1)})
	f := o.Refusal()
	if f == nil {
		t.Fatal("nothing is refused")
	}
	has(t, "refusal", strings.Join(append(f.Detail, f.Next...), "\n"), "+ index a_n ON public.a USING btree (n)  (000002_b.up.sql)", "--allow-irreversible")
	o.AllowIrreversible = true
	if f := o.Refusal(); f != nil {
		t.Errorf("allowed, and refused: %s", f.What)
	}
}

// TestAnEnumsValueUsedInItsTransaction is the trap that fails.
func TestAnEnumsValueUsedInItsTransaction(t *testing.T) {
	t.Parallel()
	clone := pgtest.New(t)
	pgtest.Exec(t, clone, "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE moods (m mood)")
	setVersion(t, clone, 1)
	src := chain(t, map[string]string{
		"000001_a.up": "SELECT 1;",
		"000002_b.up": "ALTER TYPE mood ADD VALUE 'fine';\nINSERT INTO moods VALUES ('fine');",
	})
	f := rehearsed(t, Input{Clone: clone, Plan: planUp(t, src, 1, 2)}).Refusal()
	if f == nil {
		t.Fatal("nothing is refused")
	}
	has(t, "refusal", strings.Join(append(f.Detail, f.Next...), "\n"), "line 2: ERROR unsafe use of new value", "put ALTER TYPE … ADD VALUE into a file of its own")
}

// TestWhatOnlyRowsCanTell passes on an empty clone, which says what it did not try, and
// fails where the rows are.
func TestWhatOnlyRowsCanTell(t *testing.T) {
	t.Parallel()
	src := chain(t, map[string]string{
		"000001_a.up": "SELECT 1;",
		"000002_b.up": "UPDATE a SET n = 0 WHERE n > 5000;",
		"000003_c.up": "ALTER TABLE a ADD CHECK (n >= 0);",
	})
	clone := func(rows int) Input {
		db := pgtest.New(t)
		pgtest.Exec(t, db, "CREATE TABLE a (id int, n int)")
		pgtest.Exec(t, db, "INSERT INTO a SELECT i, i FROM generate_series(1, $1::int) AS i", rows)
		pgtest.Exec(t, db, "ANALYZE a")
		setVersion(t, db, 1)
		return Input{Clone: db, Plan: planUp(t, src, 1, 3), Sizes: map[string]Size{"a": {Rows: 20_000, Bytes: 1e6}}}
	}
	empty := rehearsed(t, clone(0))
	if f := empty.Refusal(); f != nil {
		t.Fatal(f.What)
	}
	has(t, "without rows", shown(result(t, empty, "rehearse.applies")), "not tried on rows: 000003_c.up.sql line 1", "a has 20,000 rows")
	has(t, "without rows", shown(result(t, empty, "rehearse.rows")), "can write up to 20,000 rows of a")

	in := clone(10_000)
	in.Mode = WithData
	full := rehearsed(t, in)
	if f := full.Refusal(); f != nil {
		t.Fatal(f.What)
	}
	has(t, "with rows", shown(result(t, full, "rehearse.rows")), "changes 5,000 rows of a")
	there := full.Pass(There)
	if s := &there.Files[0].Statements[0]; full.CloneSizes["a"].Rows != 10_000 || full.Takes(&there.Files[0], s) != 2*s.Took {
		t.Errorf("the clone has half of the rows: %+v, %s → %s", full.CloneSizes["a"], s.Took, full.Takes(&there.Files[0], s))
	}

	in = clone(10)
	pgtest.Exec(t, in.Clone, "INSERT INTO a VALUES (0, -1)")
	in.Mode = WithData
	f := rehearsed(t, in).Refusal()
	if f == nil {
		t.Fatal("rows that violate a check are not found")
	}
	has(t, "violated", strings.Join(f.Detail, "\n"), "is violated by some row", "versions up to 2 can be reached; 3 cannot")
}

// TestColumnsInAnotherOrderAreNoReasonToRefuse drops a column that its down file can
// only add again at the end; a second one forgets it altogether.
func TestColumnsInAnotherOrderAreNoReasonToRefuse(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]string{"restored": "ALTER TABLE t ADD COLUMN a text", "forgotten": "SELECT 1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clone := pgtest.New(t)
			pgtest.Exec(t, clone, "CREATE TABLE t (a text, b int)")
			setVersion(t, clone, 1)
			src := chain(t, map[string]string{"000001_t.up": "SELECT 1;", "000002_drop.up": "ALTER TABLE t DROP COLUMN a;", "000002_drop.down": down + ";"})
			o := rehearsed(t, Input{Clone: clone, Plan: planUp(t, src, 1, 2), Back: planDown(t, src, 2, 1), Again: true, Mode: SchemaOnly})
			var reversible ops.Result
			for _, r := range o.Results() {
				if r.ID == "rehearse.reversible" {
					reversible = r
				}
			}
			refusal := o.Refusal()
			if name == "restored" && (refusal != nil || reversible.Status != ops.StatusWarn || !strings.Contains(reversible.Summary, "another order")) {
				t.Errorf("refused with %v, found %+v; want a warning of the order alone", refusal, reversible)
			}
			if name == "forgotten" && (refusal == nil || reversible.Status != ops.StatusFail) {
				t.Errorf("refused with %v, found %+v; want a refusal", refusal, reversible)
			}
		})
	}
}
