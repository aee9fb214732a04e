package migrate_test

import (
	"testing"

	"github.com/clipper/clipperops/migrate"
	"github.com/clipper/clipperops/migrations"
	"github.com/google/go-cmp/cmp"
)

func touches(t *testing.T, body string) migrate.TouchData {
	t.Helper()
	src := source(t, map[string]string{"000001_a": body})
	f, _ := src.Up(1)
	return f.Touches().Data()
}

func TestTouchesAreReadFromTheSQL(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]migrate.TouchData{
		`CREATE TABLE IF NOT EXISTS app."Users" (id int REFERENCES public.people (id), b int, FOREIGN KEY (b) REFERENCES b)`: {Created: []string{"app.Users"}, Referenced: []string{"public.people", "b"}},
		"CREATE TEMP TABLE t (id int); INSERT INTO t VALUES (1)":                                                             {},
		"CREATE TABLE a (LIKE b INCLUDING ALL) INHERITS (c, d)":                                                              {Created: []string{"a"}, Referenced: []string{"b", "c", "d"}},
		"CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (2)":                                                          {Created: []string{"p1"}, Altered: []string{"p"}},
		"CREATE TABLE a AS SELECT * FROM b JOIN c USING (id)":                                                                {Created: []string{"a"}, Referenced: []string{"b", "c"}},
		"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY app.t (lower(a))":                                          {Altered: []string{"app.t"}, IndexesCreated: []string{"app.i"}},
		"CREATE INDEX ON t (a)": {Altered: []string{"t"}, IndexesCreated: []string{"on t"}},
		"CREATE TRIGGER g BEFORE UPDATE OF a ON t EXECUTE FUNCTION f()":                        {Altered: []string{"t"}, TriggersCreated: []string{"g"}},
		"CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'DROP TABLE x'":        {FunctionsCreated: []string{"app.f"}},
		"CREATE VIEW v AS WITH c AS (SELECT * FROM a) SELECT * FROM c, b x, (SELECT 1) y":      {Referenced: []string{"a", "b"}},
		"CREATE EXTENSION IF NOT EXISTS pgcrypto":                                              {ExtensionsCreated: []string{"pgcrypto"}},
		"CREATE POLICY p ON t FOR ALL TO app_user, PUBLIC USING (true)":                        {Altered: []string{"t"}, Roles: []string{"app_user"}},
		"CREATE ROLE a; GRANT a TO b; GRANT SELECT ON ALL TABLES IN SCHEMA public TO a":        {Roles: []string{"b"}},
		"GRANT SELECT, UPDATE (x) ON TABLE t, app.u TO reader WITH GRANT OPTION":               {Referenced: []string{"t", "app.u"}, Roles: []string{"reader"}},
		"REVOKE ALL ON SCHEMA app FROM \"Old\"; ALTER TABLE t OWNER TO boss":                   {Altered: []string{"t"}, Roles: []string{"Old", "boss"}},
		"ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA x GRANT SELECT ON TABLES TO reader": {Roles: []string{"maker", "reader"}},
		"ALTER TABLE IF EXISTS ONLY t DROP COLUMN IF EXISTS a CASCADE, DROP b, DROP CONSTRAINT c, ALTER d TYPE bigint, ALTER COLUMN e SET DATA TYPE text USING f(e, 1), ALTER g DROP NOT NULL, ADD COLUMN h int REFERENCES u": {
			Altered: []string{"t"}, ColumnsDropped: []string{"t.a", "t.b"}, ColumnsRetyped: []string{"t.d", "t.e"}, Referenced: []string{"u"},
		},
		"ALTER TABLE p ATTACH PARTITION c FOR VALUES IN (1)":                                   {Altered: []string{"p", "c"}},
		"ALTER TABLE a RENAME TO b; ALTER TABLE b ADD x int":                                   {Altered: []string{"a"}},
		"CREATE TABLE a (i int); ALTER TABLE a RENAME TO b; DROP TABLE b":                      {},
		"DROP TABLE IF EXISTS a, app.b CASCADE":                                                {Dropped: []string{"a", "app.b"}},
		"CREATE TABLE a (i int); DROP TABLE public.a":                                          {},
		"DROP INDEX CONCURRENTLY i, j":                                                         {IndexesDropped: []string{"i", "j"}},
		"DROP TRIGGER IF EXISTS g ON t":                                                        {Altered: []string{"t"}},
		"DROP TYPE e CASCADE":                                                                  {Opaque: []string{"000001_a.up.sql line 1: DROP TYPE … CASCADE"}},
		"INSERT INTO a SELECT * FROM b WHERE x IS DISTINCT FROM y":                             {Altered: []string{"a"}, Written: []string{"a"}, Referenced: []string{"b"}},
		"INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET b = extract(year FROM now())": {Altered: []string{"a"}, Written: []string{"a"}},
		"UPDATE ONLY app.t SET a = 1 FROM u WHERE u.id = t.id":                                 {Altered: []string{"app.t"}, Written: []string{"app.t"}, Referenced: []string{"u"}},
		"WITH x AS (DELETE FROM a RETURNING *) UPDATE b SET c = 1 FROM x":                      {Altered: []string{"a", "b"}, Written: []string{"a", "b"}},
		"TRUNCATE TABLE a, ONLY b CASCADE":                                                     {Altered: []string{"a", "b"}, Written: []string{"a", "b"}},
		"COPY a (b) FROM stdin;\n1\n\\.\n":                                                     {Altered: []string{"a"}, Written: []string{"a"}},
		"COPY a TO '/x'":                                                                       {Referenced: []string{"a"}},
		"SELECT a FROM b FOR UPDATE":                                                           {Referenced: []string{"b"}},
		"SELECT * INTO n FROM o":                                                               {Created: []string{"n"}, Referenced: []string{"o"}},
		"SELECT count(*), app.move_rows(1) FROM pg_class":                                      {Opaque: []string{"000001_a.up.sql line 1: SELECT move_rows(…)"}},
		"\n\nDO $$ BEGIN DROP TABLE x; END $$":                                                 {Opaque: []string{"000001_a.up.sql line 3: DO"}},
		"SET search_path TO app, public; ALTER TABLE t ADD x int; DROP TABLE public.t":         {Altered: []string{"app.t"}, Dropped: []string{"public.t"}},
		"SET ROLE owner; REASSIGN OWNED BY old TO new":                                         {Roles: []string{"owner", "old", "new"}, Opaque: []string{"000001_a.up.sql line 1: REASSIGN OWNED"}},
		"COMMENT ON COLUMN app.t.c IS 'x'; COMMENT ON TABLE u IS 'y'":                          {Referenced: []string{"app.t", "u"}},
		"LOCK TABLE a, b IN SHARE MODE":                                                        {Referenced: []string{"a", "b"}},
	} {
		if diff := cmp.Diff(want, touches(t, body)); diff != "" {
			t.Errorf("%s\n%s", body, diff)
		}
	}
}

// TestTouchesOfTheRelease reads the files we ship.
func TestTouchesOfTheRelease(t *testing.T) {
	t.Parallel()
	src, err := migrate.ReadSource(migrations.FS, "the embedded migrations")
	if err != nil {
		t.Fatal(err)
	}
	up, err := migrate.PlanUp(src, clean(10), 97, nil)
	if err != nil {
		t.Fatal(err)
	}
	nine := []string{
		"moderation_audit_logs", "moderation_queue", "moderation_decisions", "moderation_appeals", "forum_threads", "forum_replies",
		"moderation_actions", "user_bans", "content_flags",
	}
	got := up.Touches().Data()
	if diff := cmp.Diff(nine, got.Created); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"clip_submissions"}, got.Altered); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"users"}, got.Referenced); diff != "" {
		t.Error(diff)
	}
	if got.Opaque != nil || got.Dropped != nil || len(got.IndexesCreated) < 40 || len(got.TriggersCreated) != 4 {
		t.Errorf("%+v", got)
	}
	back, err := migrate.PlanDown(src, clean(97), 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := back.Touches(); len(got.Dropped) != 9 {
		t.Errorf("%v", got.Data())
	}
	f, _ := src.Up(11)
	if got, want := f.Touches().Summary(), "creates 1 table, 7 indexes; alters clip_submissions"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
