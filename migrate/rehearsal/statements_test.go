package rehearsal_test

import (
	"fmt"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate/rehearsal"
	"github.com/google/go-cmp/cmp"
)

// house is what the statements of these tests are run on.
const house = `
CREATE TABLE people (id int PRIMARY KEY, name varchar(20), age int);
INSERT INTO people SELECT i, 'p' || i, i FROM generate_series(1, 50) i;
CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES people, name text);
INSERT INTO pets SELECT i, i, 'pet' FROM generate_series(1, 20) i;
CREATE INDEX people_age ON people (age);
CREATE MATERIALIZED VIEW names AS SELECT id, count(*) FROM people GROUP BY id;
CREATE TABLE events (at date) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
`

// run rehearses one file on a database and returns what was measured there.
func run(t testing.TB, clone config.Target, setup, up string, change ...func(*rehearsal.Input)) rehearsal.File {
	t.Helper()
	pgtest.Exec(t, clone, setup)
	in := forward(t, clone, chainOf(t, [2]string{up, "SELECT 1;"}))
	in.Back, in.Mode = nil, rehearsal.WithData
	for _, c := range change {
		c(&in)
	}
	o := rehearse(t, in)
	whole(t, o, rehearsal.There)
	return o.Passes[0].Files[0]
}

// told is what a statement did, in lines. Weak locks are left out.
func told(s rehearsal.Statement) []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, l := range s.Locks {
		if l.Mode > rehearsal.RowExclusive {
			add("lock %s %s %s", l.Relation.Kind, known(l.Relation), l.Mode)
		}
	}
	for _, r := range s.Rewritten {
		add("rewritten %s", known(r))
	}
	for _, i := range s.Built {
		add("built %s on %s", i, i.Table)
	}
	for _, r := range s.Scanned {
		add("scanned %s", known(r))
	}
	for _, r := range s.Made {
		add("made %s %s", r.Kind, r)
	}
	for _, r := range s.Dropped {
		add("dropped %s %s", r.Kind, r)
	}
	for _, r := range s.Rows {
		add("rows %s +%d ~%d -%d", r.Relation, r.Inserted, r.Updated, r.Deleted)
	}
	return lines
}

func known(r rehearsal.Relation) string {
	if r.New {
		return r.String() + " (new)"
	}
	return r.String()
}

func TestWhatAStatementDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		up   string
		want []string
	}{
		"create index":                {"CREATE INDEX people_name ON people (name);", []string{"lock table people SHARE", "built people_name on people", "scanned people", "made index people_name"}},
		"drop index":                  {"DROP INDEX people_age;", []string{"lock table people ACCESS EXCLUSIVE", "lock index people_age ACCESS EXCLUSIVE", "dropped index people_age"}},
		"reindex":                     {"REINDEX INDEX people_age;", []string{"lock table people SHARE", "lock index people_age ACCESS EXCLUSIVE", "built people_age on people", "scanned people"}},
		"add column":                  {"ALTER TABLE people ADD COLUMN note text DEFAULT 'x';", []string{"lock table people ACCESS EXCLUSIVE"}},
		"volatile default":            {"ALTER TABLE people ADD COLUMN at timestamptz DEFAULT clock_timestamp();", []string{"lock table people ACCESS EXCLUSIVE", "lock index people_pkey ACCESS EXCLUSIVE", "lock index people_age ACCESS EXCLUSIVE", "rewritten people", "scanned people"}},
		"other type":                  {"ALTER TABLE people ALTER COLUMN age TYPE bigint;", []string{"lock table people ACCESS EXCLUSIVE", "lock index people_pkey ACCESS EXCLUSIVE", "lock index people_age ACCESS EXCLUSIVE", "rewritten people", "scanned people"}},
		"longer varchar":              {"ALTER TABLE people ALTER COLUMN name TYPE varchar(40);", []string{"lock table people ACCESS EXCLUSIVE"}},
		"not null":                    {"ALTER TABLE people ALTER COLUMN age SET NOT NULL;", []string{"lock table people ACCESS EXCLUSIVE", "scanned people"}},
		"check":                       {"ALTER TABLE people ADD CHECK (age > 0);", []string{"lock table people ACCESS EXCLUSIVE", "scanned people"}},
		"check, not valid":            {"ALTER TABLE people ADD CHECK (age > 0) NOT VALID;", []string{"lock table people ACCESS EXCLUSIVE"}},
		"new table":                   {"CREATE TABLE toys (id int PRIMARY KEY, pet int REFERENCES pets);", []string{"lock table pets SHARE ROW EXCLUSIVE", "made table toys", "made index toys_pkey"}},
		"drop table":                  {"DROP TABLE pets;", []string{"lock table people ACCESS EXCLUSIVE", "lock table pets ACCESS EXCLUSIVE", "lock index pets_pkey ACCESS EXCLUSIVE", "dropped table pets", "dropped index pets_pkey", "rows pets +0 ~0 -20"}},
		"truncate":                    {"TRUNCATE pets;", []string{"lock table pets ACCESS EXCLUSIVE", "lock index pets_pkey ACCESS EXCLUSIVE", "rows pets +0 ~0 -20"}},
		"truncate in code":            {"DO $$ BEGIN TRUNCATE pets; END $$;", []string{"lock table pets ACCESS EXCLUSIVE", "lock index pets_pkey ACCESS EXCLUSIVE", "rows pets +0 ~0 -20"}},
		"truncate in code that looks": {"DO $$ BEGIN IF EXISTS (SELECT FROM pets WHERE name = 'pet') THEN TRUNCATE pets; END IF; END $$;", []string{"lock table pets ACCESS EXCLUSIVE", "lock index pets_pkey ACCESS EXCLUSIVE", "rows pets +0 ~0 -20"}},
		"rewrite in code":             {"DO $$ BEGIN ALTER TABLE pets ALTER owner TYPE bigint; EXCEPTION WHEN others THEN RAISE; END $$;", []string{"lock table people ACCESS EXCLUSIVE", "lock table pets ACCESS EXCLUSIVE", "lock index pets_pkey ACCESS EXCLUSIVE", "rewritten pets", "scanned people", "scanned pets"}},
		"rows":                        {"WITH d AS (DELETE FROM pets WHERE id <= 5) UPDATE people SET age = age + 1 WHERE id > 40;", []string{"scanned people", "rows people +0 ~10 -0", "rows pets +0 ~0 -5"}},
		"refresh":                     {"REFRESH MATERIALIZED VIEW names;", []string{"lock materialized view names ACCESS EXCLUSIVE", "rewritten names", "scanned people", "rows names +50 ~0 -0"}},
		"copy":                        {"COPY pets FROM stdin;\n21\t\\N\trex\n22\t\\N\tfox\n\\.\n", []string{"rows pets +2 ~0 -0"}},
		"partition":                   {"CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');", []string{"lock partitioned table events ACCESS EXCLUSIVE", "made table events_2025"}},
		"set logged":                  {"ALTER TABLE pets SET UNLOGGED;", []string{"lock table pets ACCESS EXCLUSIVE", "lock index pets_pkey ACCESS EXCLUSIVE", "rewritten pets", "scanned pets"}},
		"table made of a query":       {"CREATE TABLE old AS SELECT * FROM people WHERE age > 30;", []string{"scanned people", "made table old", "rows old +20 ~0 -0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := run(t, pgtest.New(t), house, c.up)
			if len(f.Statements) != 1 {
				t.Fatalf("%d statements", len(f.Statements))
			}
			if diff := cmp.Diff(c.want, told(f.Statements[0])); diff != "" {
				t.Error(diff)
			}
		})
	}
}
