package migrate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// TestFileThatChangesSearchPathDoesNotMoveTheVersionTable: pg_dump's own output
// begins with an empty search_path.
func TestFileThatChangesSearchPathDoesNotMoveTheVersionTable(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{
		"000001_a": "CREATE SCHEMA app; SET search_path = app; CREATE TABLE a (id int);",
		"000002_b": "SELECT pg_catalog.set_config('search_path', '', false);",
		"000003_c": "CREATE TABLE c (id int);",
	})
	must(t)(up(t, target, src, 3, migrate.ApplyOptions{}))
	at(t, target, 3, false)
	exists(t, target, true, "app.a", "public.c", "public.schema_migrations")
	exists(t, target, false, "app.schema_migrations")
}

// TestFileThatChangesRole: the version row is written, and the next file runs, as
// the role we came with, also when that is one ALTER ROLE … SET role gave.
func TestFileThatChangesRole(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	owner, other := pgtest.NewRole(t, ""), pgtest.NewRole(t, "")
	name := func(s string) string { return pgx.Identifier{s}.Sanitize() }
	pgtest.Exec(t, target, "GRANT ALL ON SCHEMA public TO "+name(owner.User)+", "+name(other.User))
	pgtest.Exec(t, target, "ALTER ROLE "+name(target.User)+" IN DATABASE "+name(target.Database)+" SET role = "+name(owner.User))
	src := source(t, map[string]string{
		"000001_a": "CREATE TABLE a (id int); SET ROLE " + name(other.User) + "; CREATE TABLE b (id int);",
		"000002_c": "CREATE TABLE c (id int); SET LOCAL ROLE " + name(other.User) + ";",
		"000003_d": "CREATE TABLE d (id int);",
	})
	must(t)(up(t, target, src, 3, migrate.ApplyOptions{}))
	got := pgtest.QueryColumn[string](t, target, "SELECT tablename || ' ' || tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
	want := []string{"a " + owner.User, "b " + other.User, "c " + owner.User, "d " + owner.User, "schema_migrations " + owner.User}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	pgtest.Exec(t, target, "SET ROLE NONE; DROP OWNED BY "+name(owner.User)+", "+name(other.User)+" CASCADE")
	pgtest.Exec(t, target, "SET ROLE NONE; ALTER ROLE "+name(target.User)+" IN DATABASE "+name(target.Database)+" RESET role")
}

// TestOwnTransactionModesAreKept: BEGIN is taken out, what it asked for is not.
func TestOwnTransactionModesAreKept(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{
		"000001_a": "BEGIN /* é */ ISOLATION LEVEL SERIALIZABLE, READ WRITE;\nCREATE TABLE a AS SELECT current_setting('transaction_isolation') AS level;\nCOMMIT;",
		"000002_b": "START TRANSACTION;\nCREATE TABLE b (id int);\nSELECT nothing;\nEND;",
	})
	_, err := up(t, target, src, 2, migrate.ApplyOptions{})
	failure(t, err, ops.ExitFailed, `line 3: ERROR column "nothing" does not exist (42703)`, "SELECT nothing;", "       ^", "000001 was applied in this run")
	if level := pgtest.QueryValue[string](t, target, "SELECT level FROM a"); level != "serializable" {
		t.Error(level)
	}
	at(t, target, 1, false)
	exists(t, target, false, "b")
}

// TestRowsOfCopy: what pg_dump and psql write as COPY … FROM stdin runs.
func TestRowsOfCopy(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	body := "CREATE TABLE a (id int, t text);\nCOPY a FROM stdin;\n1\tone; two\n2\t\\N\n\\.\nCREATE TABLE b AS SELECT * FROM a;\nCOPY b FROM stdin;\n\\.\n"
	src := source(t, map[string]string{"000001_a": body, "000002_b": "COPY a FROM stdin;\nx\ty\n\\.\n"})
	_, err := up(t, target, src, 2, migrate.ApplyOptions{})
	failure(t, err, ops.ExitFailed, "000002_b.up.sql failed", "22P02", `COPY a, line 1, column id: "x"`)
	at(t, target, 1, false)
	if got := pgtest.QueryColumn[string](t, target, "SELECT id || coalesce(t, '-') FROM b ORDER BY id"); !cmp.Equal(got, []string{"1one; two", "2-"}) {
		t.Errorf("%q", got)
	}
}

func TestErrorAtCommitLeavesNothing(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{
		"000001_a": "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED); INSERT INTO b VALUES (1);",
	})
	_, err := up(t, target, src, 1, migrate.ApplyOptions{})
	failure(t, err, ops.ExitFailed, "nothing of it was applied", "violates foreign key constraint", "23503")
	at(t, target, -1, false)
	exists(t, target, false, "a", "b")
}

func TestHooksRunInsideTheTransaction(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int); INSERT INTO a VALUES (7);", "000002_b": "CREATE TABLE b (id int);"})
	var calls []string
	o := migrate.ApplyOptions{
		Before: func(ctx context.Context, conn *pgx.Conn, f migrate.File) error {
			calls = append(calls, "before "+f.Name)
			_, err := conn.Exec(ctx, "CREATE TABLE before_"+f.Name+" (id int)")
			return err
		},
		BeforeCommit: func(ctx context.Context, conn *pgx.Conn, f migrate.File) error {
			var id, version int
			if err := conn.QueryRow(ctx, "SELECT (SELECT max(id) FROM a), version FROM schema_migrations").Scan(&id, &version); err != nil {
				return err
			}
			if f.Name == "b" {
				return &ops.Failure{Code: ops.ExitRefused, What: "something that was not saved would go", Next: []string{"save it"}}
			}
			if id != 7 || version != 1 {
				t.Errorf("row %d, version %d", id, version)
			}
			calls = append(calls, "before the commit of "+f.Name)
			return nil
		},
	}
	_, err := up(t, target, src, 2, o)
	// What was committed before makes a refusal a failure.
	failure(t, err, ops.ExitFailed, "000002_b.up.sql: something that was not saved would go; nothing of it was applied", "save it", "the database is at version 1, clean")
	if diff := cmp.Diff([]string{"before a", "before the commit of a", "before b"}, calls); diff != "" {
		t.Error(diff)
	}
	exists(t, target, true, "a", "before_a")
	exists(t, target, false, "b", "before_b")
}

func TestHookThatEndsTheTransactionIsFound(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);"})
	o := migrate.ApplyOptions{BeforeCommit: func(ctx context.Context, conn *pgx.Conn, _ migrate.File) error {
		_, err := conn.Exec(ctx, "COMMIT")
		return err
	}}
	_, err := up(t, target, src, 1, o)
	failure(t, err, ops.ExitFailed, "a part of it may be committed", "ended the transaction it runs in", "the database is at version 1, clean")
}

func TestApplyIsNotPermittedWithoutProofs(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);"})
	plan := func() *migrate.Plan {
		p, err := migrate.PlanUp(src, clean(-1), 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	changed := plan()
	changed.Files[0].Body = "DROP DATABASE production;"
	resealed := plan()
	resealed.Files[0].Body = "DROP DATABASE production;"
	resealed.SHA256 = resealed.Digest()
	for what, c := range map[string]struct {
		p *migrate.Plan
		b migrate.Backup
		r migrate.Rehearsal
	}{
		"there is no backup":                    {plan(), migrate.Backup{}, noRehearsal},
		"was not rehearsed":                     {plan(), noBackup, migrate.Rehearsal{}},
		"another plan was rehearsed":            {plan(), noBackup, migrate.Rehearsal{PlanSHA256: "x"}},
		"are not those the plan was made of":    {changed, noBackup, noRehearsal},
		"000001_a.up.sql is not as it was read": {resealed, noBackup, noRehearsal},
	} {
		_, err := migrate.Apply(t.Context(), target, c.p, c.b, c.r, migrate.ApplyOptions{})
		failure(t, err, ops.ExitRefused, what, "nothing was touched")
	}
	p := plan()
	must(t)(migrate.Apply(t.Context(), target, p, migrate.Backup{Path: "x"}, migrate.Rehearsal{PlanSHA256: p.SHA256}, migrate.ApplyOptions{}))
	_, err := migrate.Apply(t.Context(), target, p, noBackup, noRehearsal, migrate.ApplyOptions{})
	failure(t, err, ops.ExitRefused, "no longer where it was when the plan was made", "begins at no version, and the database is at version 1, clean")
}

// TestVersionRowChangedByAnother: whoever lost their lock must not migrate on.
func TestVersionRowChangedByAnother(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "CREATE TABLE b (id int);"})
	var seen events
	seen.on = func(e migrate.Event) {
		if e.Kind == migrate.FileDone && e.File.Version == 1 {
			pgtest.Exec(t, target, "UPDATE schema_migrations SET version = 40, dirty = true")
		}
	}
	_, err := up(t, target, src, 2, migrate.ApplyOptions{OnEvent: seen.take})
	failure(t, err, ops.ExitFailed, "000002_b.up.sql failed; nothing of it was applied", "another program migrates this database (version 40 dirty)",
		"the database is at version 40, dirty, and was at version 1, clean before this file", "another program migrates this database")
	exists(t, target, false, "b")
}

func TestLostLockStopsBeforeTheNextFile(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	src := source(t, map[string]string{"000001_a": "CREATE TABLE a (id int);", "000002_b": "CREATE TABLE b (id int);"})
	lost := make(chan struct{})
	var seen events
	seen.on = func(e migrate.Event) {
		if e.Kind == migrate.FileStarted {
			close(lost)
		}
	}
	applied, err := up(t, target, src, 2, migrate.ApplyOptions{OnEvent: seen.take, LockLost: lost})
	failure(t, err, ops.ExitFailed, "stopped before 000002_b.up.sql: the migration lock was lost", "version 1, clean; 000001 was applied in this run")
	if len(applied.Files) != 1 || applied.State.Version != 1 {
		t.Errorf("%+v", applied)
	}
}

func TestRoleThatMayNotCreate(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	role := pgtest.NewRole(t, "")
	role.Database = target.Database
	src := source(t, map[string]string{"000001_a": "SELECT 1;"})
	_, err := up(t, role, src, 1, migrate.ApplyOptions{})
	f := failure(t, err, ops.ExitFailed, "42501", "nothing of it was applied")
	var file *migrate.FileError
	if !errors.As(f, &file) || file.Statement != -1 {
		t.Errorf("%+v", file)
	}
}
