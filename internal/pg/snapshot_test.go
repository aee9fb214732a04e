package pg_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

func takeSnapshot(t testing.TB, conn *pgx.Conn, o pg.SnapshotOptions) *pg.Snapshot {
	t.Helper()
	s, err := pg.TakeSnapshot(t.Context(), conn, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func execAll(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	if err := conn.PgConn().Exec(t.Context(), sql).Close(); err != nil {
		t.Fatalf("%v\n    in: %s", err, sql)
	}
}

func TestSnapshotIsTheSameHoweverTheSessionIsSet(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, `
CREATE TABLE visits (at timestamptz DEFAULT '2026-01-02 03:04:05+00', len interval DEFAULT '1 day 2 hours', ratio float8 DEFAULT 0.1, raw bytea DEFAULT '\x0102');
CREATE VIEW recent AS SELECT at FROM visits WHERE at > '2026-02-03 00:00:00+00'`)
	plain := takeSnapshot(t, pgtest.Connect(t, target), pg.SnapshotOptions{})

	odd := pgtest.Connect(t, target)
	execAll(t, odd, `SET search_path = public; SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard';
SET extra_float_digits = -5; SET bytea_output = 'escape'; SET quote_all_identifiers = on; CREATE TEMP TABLE pg_class (oid oid)`)
	if diff := cmp.Diff(plain, takeSnapshot(t, odd, pg.SnapshotOptions{})); diff != "" {
		t.Errorf("(-plain +odd)\n%s", diff)
	}
	if got := show(t, odd, "search_path"); got != "public" {
		t.Errorf("search_path is %q after the snapshot", got)
	}
}

func TestSnapshotSeesWhatTheOpenTransactionSeesAndLeavesItAsItWas(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	execAll(t, conn, `BEGIN; SET LOCAL search_path = public, pg_catalog; CREATE TABLE mine (n int)`)
	s := takeSnapshot(t, conn, pg.SnapshotOptions{})
	if _, ok := s.Find(pg.Key{Kind: pg.KindTable, Name: "public.mine"}); !ok {
		t.Error("the table made in the transaction is not seen")
	}
	if got := show(t, conn, "search_path"); got != "public, pg_catalog" {
		t.Errorf("search_path is %q after the snapshot", got)
	}
	execAll(t, conn, `INSERT INTO mine VALUES (1); COMMIT`)
	if got := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM mine"); got != 1 {
		t.Errorf("%d rows after COMMIT: the transaction did not go on", got)
	}
}

func TestSnapshotEndsItsOwnTransaction(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.New(t))
	takeSnapshot(t, conn, pg.SnapshotOptions{})
	if status := conn.PgConn().TxStatus(); status != 'I' {
		t.Errorf("the connection is left in status %c", status)
	}
}

func TestSnapshotInAFailedTransactionSaysSo(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.New(t))
	_ = conn.PgConn().Exec(t.Context(), "BEGIN; SELECT 1/0").Close()
	if _, err := pg.TakeSnapshot(t.Context(), conn, pg.SnapshotOptions{}); err == nil || !strings.Contains(err.Error(), "failed already") {
		t.Errorf("error %v", err)
	}
}

func TestSnapshotLeavesOutWhatIsNotTheSchemasOwn(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	before := takeSnapshot(t, conn, pg.SnapshotOptions{ExcludeSchemas: []string{"it's mine"}})
	execAll(t, conn, `
CREATE SCHEMA clipperops; CREATE TABLE clipperops.runs (id int PRIMARY KEY); COMMENT ON TABLE clipperops.runs IS 'x';
CREATE SCHEMA "it's mine"; CREATE TABLE "it's mine".t (id int);
CREATE TEMP TABLE passing (n int)`)
	if changes := pg.Diff(before, takeSnapshot(t, conn, pg.SnapshotOptions{ExcludeSchemas: []string{"it's mine"}})); len(changes) > 0 {
		t.Errorf("seen: %v", changes)
	}
	execAll(t, conn, `CREATE EXTENSION IF NOT EXISTS pgcrypto`)
	changes := pg.Diff(before, takeSnapshot(t, conn, pg.SnapshotOptions{ExcludeSchemas: []string{"it's mine"}}))
	if len(changes) != 1 || changes[0].Name != "pgcrypto" {
		t.Errorf("an extension is one line, not its members: %v", changes)
	}
}

func TestSnapshotLeavesOutTheKindsItIsToldTo(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, `CREATE TABLE t (n int); GRANT SELECT ON t TO PUBLIC`)
	s := takeSnapshot(t, pgtest.Connect(t, target), pg.SnapshotOptions{ExcludeKinds: []pg.Kind{pg.KindOwner, pg.KindGrant}})
	for _, o := range s.Objects {
		if o.Kind == pg.KindOwner || o.Kind == pg.KindGrant {
			t.Errorf("%s is in the snapshot", o.Key)
		}
	}
}

func TestSnapshotSurvivesJSON(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	s := takeSnapshot(t, pgtest.Connect(t, target), pg.SnapshotOptions{})
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back pg.Snapshot
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, &back); diff != "" {
		t.Error(diff)
	}
}

// Guards against a snapshot that keeps a foreign server's secrets.
func TestSnapshotKeepsNoSecretOfAForeignServer(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, `CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (api_key 'hunter2');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'hunter2')`)
	text, err := json.Marshal(takeSnapshot(t, pgtest.Connect(t, target), pg.SnapshotOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hunter2") {
		t.Error("the secret is in the snapshot")
	}
}

func TestSnapshotReportsACancelledContext(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.New(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := pg.TakeSnapshot(ctx, conn, pg.SnapshotOptions{}); err == nil {
		t.Error("a snapshot was taken without time to take it")
	}
}

func TestSnapshotByARoleThatIsNoSuperuser(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole())
	s := takeSnapshot(t, pgtest.Connect(t, target), pg.SnapshotOptions{})
	parts := s.Parts(pg.Key{Kind: pg.KindTable, Name: "public.users"})
	if len(parts) == 0 || parts[0].Name != "public.users.id" {
		t.Errorf("the parts of users begin with %v, want the column id", parts)
	}
}

// BenchmarkSnapshot takes a snapshot of 150 tables with 600 indexes; it should stay under 200 ms.
func BenchmarkSnapshot(b *testing.B) {
	target := pgtest.New(b)
	pgtest.Exec(b, target, `DO $$ BEGIN FOR i IN 1..150 LOOP
  EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a text NOT NULL DEFAULT ''x'', b int CHECK (b > 0), c timestamptz DEFAULT now(), d jsonb, e uuid, f inet, g bool)', i);
  EXECUTE format('CREATE INDEX ON t%s (a); CREATE INDEX ON t%s (b, c DESC); CREATE INDEX ON t%s (e) WHERE g', i, i, i);
  IF i > 1 THEN EXECUTE format('ALTER TABLE t%s ADD FOREIGN KEY (b) REFERENCES t%s', i, i - 1); END IF;
END LOOP; END $$`)
	conn := pgtest.Connect(b, target)
	for b.Loop() {
		if s := takeSnapshot(b, conn, pg.SnapshotOptions{}); len(s.Objects) < 150+600 {
			b.Fatalf("%d objects", len(s.Objects))
		}
	}
}
