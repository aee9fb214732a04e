package repair_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrate/repair"
	"github.com/clipper/clipperops/migrations"
)

// dirtyAt leaves the version row as golang-migrate does when it is cut off.
const dirtyAt = `
	CREATE TABLE IF NOT EXISTS schema_migrations (version bigint not null primary key, dirty boolean not null);
	DELETE FROM schema_migrations; INSERT INTO schema_migrations VALUES (%d, true)`

// chain is a directory of migrations: name → up and down.
type chain map[string][2]string

func (c chain) source(t testing.TB) *migrate.Source {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, bodies := range c {
		for i, direction := range []string{"up", "down"} {
			if bodies[i] != "" {
				fsys[name+"."+direction+".sql"] = &fstest.MapFile{Data: []byte(bodies[i])}
			}
		}
	}
	return read(t, fsys, "testdata")
}

func read(t testing.TB, fsys fs.FS, label string) *migrate.Source {
	t.Helper()
	src, err := migrate.ReadSource(fsys, label)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// plain is a chain of three: a base, a file of four statements and one behind it.
func plain() chain {
	return chain{
		"000010_base": {"CREATE TABLE users (id int PRIMARY KEY, name text);", "DROP TABLE users;"},
		"000011_queue": {
			"CREATE TABLE queue (id int PRIMARY KEY, by_user int REFERENCES users (id));\nCREATE INDEX queue_user ON queue (by_user);\n" +
				"ALTER TABLE users ADD COLUMN karma int NOT NULL DEFAULT 0;\nCREATE VIEW ranked AS SELECT id, karma FROM users;",
			"DROP VIEW ranked;\nALTER TABLE users DROP COLUMN karma;\nDROP TABLE queue;",
		},
		"000012_appeals": {
			"CREATE TABLE appeals (id int);\nALTER TABLE queue ADD COLUMN appeal int;",
			"ALTER TABLE queue DROP COLUMN appeal;\nDROP TABLE appeals;",
		},
	}
}

// scene is a database and the chain it is to be compared with.
type scene struct {
	t      *testing.T
	target config.Target
	source *migrate.Source
	// noEmpty and noClone leave a way of finding out away.
	noEmpty, noClone bool
}

func newScene(t *testing.T, src *migrate.Source) *scene {
	t.Helper()
	return &scene{t: t, target: pgtest.New(t), source: src}
}

// up applies whole files.
func (s *scene) up(versions ...uint64) *scene {
	s.t.Helper()
	for _, v := range versions {
		f, ok := s.source.Up(v)
		if !ok {
			s.t.Fatalf("no file %d", v)
		}
		pgtest.Exec(s.t, s.target, f.Body)
	}
	return s
}

// part applies the statements [from, to) of a file.
func (s *scene) part(f migrate.File, from, to int) *scene {
	s.t.Helper()
	for _, st := range f.Statements[from:to] {
		pgtest.Exec(s.t, s.target, st.Text)
	}
	return s
}

func (s *scene) sql(statements string) *scene {
	s.t.Helper()
	pgtest.Exec(s.t, s.target, statements)
	return s
}

func (s *scene) dirty(version int64) *scene {
	s.t.Helper()
	return s.sql(fmt.Sprintf(dirtyAt, version))
}

// input examines on databases of the test server.
func (s *scene) input() repair.Input {
	s.t.Helper()
	conn := pgtest.Connect(s.t, s.target)
	state, err := migrate.ReadState(s.t.Context(), conn)
	if err != nil {
		s.t.Fatal(err)
	}
	in := repair.Input{Target: conn, State: state, Source: s.source, Application: "repair test"}
	if !s.noEmpty {
		in.Empty = func(context.Context) (config.Target, func(), error) { return pgtest.New(s.t), func() {}, nil }
	}
	if !s.noClone {
		in.Clone = func(context.Context) (config.Target, func(), error) { return clone(s.t, s.target), func() {}, nil }
	}
	return in
}

func (s *scene) examine() *repair.Finding {
	s.t.Helper()
	f, err := repair.Examine(s.t.Context(), s.input())
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

// wants checks verdict and version, and that the text says it.
func (s *scene) wants(verdict repair.Verdict, version int64, texts ...string) *repair.Finding {
	s.t.Helper()
	f := s.examine()
	text := report(f)
	if f.Verdict != verdict || f.Settled() && f.Version != version {
		s.t.Errorf("%s, version %d; want %s, %d\n%s", f.Verdict, f.Version, verdict, version, text)
	}
	for _, want := range texts {
		if !strings.Contains(text, want) {
			s.t.Errorf("no %q in:\n%s", want, text)
		}
	}
	return f
}

func report(f *repair.Finding) string {
	var b strings.Builder
	for _, r := range f.Results() {
		fmt.Fprintf(&b, "%s %s: %s\n", r.ID, r.Status, r.Summary)
		for _, fact := range r.Evidence {
			fmt.Fprintf(&b, "    %s %s\n", fact.Name, fact.Value)
		}
		if r.Fix != "" {
			fmt.Fprintf(&b, "    fix: %s\n", r.Fix)
		}
	}
	return b.String()
}

func TestWhereADatabaseStands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		up      []uint64
		sql     string
		mark    int64
		verdict repair.Verdict
		version int64
		texts   []string
	}{
		"nothing of the file":                  {[]uint64{10}, "SELECT 1", 11, repair.Nothing, 10, []string{"nothing of 000011 was applied: version 10, clean"}},
		"all of it":                            {[]uint64{10, 11}, "SELECT 1", 11, repair.All, 11, []string{"all of 000011 was applied: version 11, clean"}},
		"nothing of the last":                  {[]uint64{10, 11}, "SELECT 1", 12, repair.Nothing, 11, nil},
		"all of the last":                      {[]uint64{10, 11, 12}, "SELECT 1", 12, repair.All, 12, nil},
		"nothing of the first":                 {nil, "SELECT 1", 10, repair.Nothing, -1, []string{"nothing of 000010 was applied: no version, clean"}},
		"all of the first":                     {[]uint64{10}, "SELECT 1", 10, repair.All, 10, nil},
		"nothing of a down file":               {[]uint64{10, 11, 12}, "SELECT 1", 11, repair.Nothing, 12, []string{"nothing of 000012 was undone: version 12, clean"}},
		"nothing of the first one's down file": {[]uint64{10}, "SELECT 1", -1, repair.Nothing, 10, []string{"nothing of 000010 was undone: version 10, clean"}},
		"all of the first one's down file":     {nil, "SELECT 1", -1, repair.All, -1, []string{"all of 000010 was undone: no version, clean"}},
		"a down file in part": {
			[]uint64{10, 11, 12},
			"ALTER TABLE queue DROP COLUMN appeal", 11, repair.Partly, 0,
			[]string{"000012 was undone in part", "+ table appeals", "+ column queue.appeal", "DROP TABLE appeals;", "ADD COLUMN appeal int;"},
		},
		"an up file in part": {
			[]uint64{10},
			"CREATE TABLE queue (id int PRIMARY KEY, by_user int REFERENCES users (id)); CREATE INDEX queue_user ON queue (by_user)", 11, repair.Partly, 0,
			[]string{"000011 was applied in part", "+ table queue (2 columns", "+ view ranked", "ADD COLUMN karma", "CREATE VIEW ranked", "DROP TABLE queue;"},
		},
		"drift elsewhere does not matter": {
			[]uint64{10, 11},
			"CREATE TABLE by_hand (n int); ALTER TABLE users ALTER COLUMN name SET DEFAULT ''", 11, repair.All, 11,
			[]string{"elsewhere the database differs from the files in 2 places", "+ table by_hand"},
		},
		"changed by hand since": {
			[]uint64{10, 11},
			"ALTER TABLE users ALTER COLUMN karma SET DEFAULT 7", 11, repair.Partly, 0,
			[]string{"neither as before it nor as after it", "column users.karma is integer DEFAULT 7"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newScene(t, plain().source(t)).up(c.up...).sql(c.sql).dirty(c.mark).wants(c.verdict, c.version, c.texts...)
		})
	}
}

// TestPlacesInFiles stops in the middle of each file of the release: the SQL offered leads
// to its version, and the way back to the one before.
func TestPlacesInFiles(t *testing.T) {
	t.Parallel()
	src := read(t, migrations.FS, "the embedded set")
	versions := src.Versions()
	for i, v := range versions[1:] {
		f, _ := src.Up(v)
		places := [][]int{{1}, {len(f.Statements) / 2}, {len(f.Statements) - 1}}[i%3]
		if v == 97 {
			places = append(places, 0, len(f.Statements)/2, len(f.Statements))
		}
		for _, place := range places {
			t.Run(fmt.Sprintf("%s after %d of %d", f.ID(), place, len(f.Statements)), func(t *testing.T) {
				t.Parallel()
				base := func() *scene { return newScene(t, src).up(versions[:i+1]...).part(f, 0, place).dirty(int64(v)) }
				s := base()
				found := s.examine()
				switch {
				case place == 0 && (found.Verdict != repair.Nothing || found.Version != int64(versions[i])):
					t.Fatal(report(found))
				case place == len(f.Statements) && (found.Verdict != repair.All || found.Version != int64(v)):
					t.Fatal(report(found))
				case found.Verdict != repair.Partly:
					return
				}
				for _, script := range []*repair.Script{found.Upward, found.Downward} {
					if script == nil || !script.Tried {
						t.Fatalf("not tried:\n%s", report(found))
					}
				}
				s.noClone = true
				s.sql(found.Upward.SQL).wants(repair.All, int64(v))
				back := base()
				back.noClone = true
				back.sql(found.Downward.SQL).wants(repair.Nothing, int64(versions[i]))
			})
		}
	}
}
