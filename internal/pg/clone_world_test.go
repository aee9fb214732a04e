package pg_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
)

// cloneWorld is a schema with something of everything. {other} is a role that is
// not the owner, {db} the database.
const cloneWorld = `
CREATE EXTENSION pgcrypto; CREATE EXTENSION "uuid-ossp" SCHEMA public; CREATE EXTENSION postgres_fdw;
CREATE SCHEMA app AUTHORIZATION {other}; COMMENT ON SCHEMA app IS 'it''s mine';
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN app.short AS varchar(10) CHECK (VALUE IN ('a', 'b', 'c'));
CREATE TYPE app.pair AS (x int, y text COLLATE "C");
CREATE COLLATION app.posix (LOCALE = 'POSIX');
CREATE TABLE app.people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL DEFAULT '\\! echo' COLLATE app.posix,
    status varchar(20) CHECK (status IN ('new', 'old')),
    mood app.mood DEFAULT 'ok', tag app.short, born timestamptz DEFAULT '2026-01-02 03:04:05+00',
    len int GENERATED ALWAYS AS (length(name)) STORED, raw bytea DEFAULT '\x00'
);
ALTER TABLE app.people ALTER raw SET STORAGE EXTERNAL;
ALTER TABLE app.people OWNER TO {other};
COMMENT ON COLUMN app.people.name IS E'two\nlines \\restrict';
CREATE INDEX people_status ON app.people (lower(name), status) WHERE status IN ('new', 'old');
CREATE UNIQUE INDEX people_tag ON app.people (tag) INCLUDE (born);
CREATE STATISTICS app.people_stat (ndistinct) ON name, status FROM app.people;
ALTER TABLE app.people ENABLE ROW LEVEL SECURITY; ALTER TABLE app.people FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON app.people FOR SELECT TO {other} USING (status IN ('new') AND name = current_user);
GRANT SELECT, INSERT ON app.people TO pg_monitor WITH GRANT OPTION; GRANT UPDATE (name) ON app.people TO PUBLIC;
CREATE TABLE app.events (at date NOT NULL, n int, PRIMARY KEY (at, n)) PARTITION BY RANGE (at);
CREATE TABLE app.events_2026 PARTITION OF app.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT;
ALTER TABLE app.people ADD CONSTRAINT people_len CHECK (len > 0) NOT VALID;
CREATE TABLE visits (id int REFERENCES app.people DEFERRABLE INITIALLY DEFERRED, at timestamptz);
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql SET search_path = app, pg_temp AS $f$
BEGIN
  -- PostgreSQL database dump complete
  NEW.name := 'CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;';
  RETURN NEW;
END $f$;
CREATE FUNCTION app.twice(n int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT n * 2; END;
REVOKE EXECUTE ON FUNCTION app.twice FROM PUBLIC;
CREATE TRIGGER touched BEFORE INSERT OR UPDATE ON app.people FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.people DISABLE TRIGGER touched;
CREATE VIEW app.olds AS SELECT id, status FROM app.people WHERE status IN ('old', 'new');
ALTER VIEW app.olds OWNER TO {other};
CREATE MATERIALIZED VIEW app.sums AS SELECT count(*) AS n FROM app.people;
CREATE UNIQUE INDEX sums_n ON app.sums (n);
CREATE MATERIALIZED VIEW app.more AS SELECT n + 1 AS n FROM app.sums;
CREATE MATERIALIZED VIEW app.empty AS SELECT 1 AS n WITH NO DATA;
CREATE RULE quiet AS ON DELETE TO visits DO INSTEAD NOTHING;
CREATE SEQUENCE app.numbers START 7 INCREMENT 3 CYCLE MAXVALUE 99;
CREATE AGGREGATE app.total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE OPERATOR app.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE CAST (app.mood AS int) WITH INOUT;
CREATE TEXT SEARCH CONFIGURATION app.words (COPY = simple);
CREATE FUNCTION app.told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER telling ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION app.told();
CREATE PUBLICATION news FOR TABLE app.people (id, name) WHERE (id > 0);
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1');
CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (password 'x');
ALTER DEFAULT PRIVILEGES FOR ROLE {other} IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;
CREATE TABLE "Odd ""name"" = 1" ("é" text, "select" int);
CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
INSERT INTO schema_migrations VALUES (42, true);
GRANT CONNECT ON DATABASE {db} TO {other} WITH GRANT OPTION; REVOKE TEMP ON DATABASE {db} FROM PUBLIC;
ALTER DATABASE {db} SET search_path = app, "$user", "Odd, one", public;
ALTER DATABASE {db} SET work_mem = '7MB';
ALTER DATABASE {db} SET synchronous_commit = on;
ALTER DATABASE {db} SET app.flavour = 'it''s \ "sweet"';`

// newWorld is a database with something of everything, and the role it names.
func newWorld(t testing.TB) (source, other config.Target) {
	t.Helper()
	other = pgtest.NewRole(t, "")
	source = pgtest.New(t)
	quoted := strings.NewReplacer("{other}", `"`+other.User+`"`, "{db}", `"`+source.Database+`"`)
	pgtest.Exec(t, source, quoted.Replace(cloneWorld))
	return source, other
}
