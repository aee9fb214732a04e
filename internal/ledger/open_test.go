package ledger_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ledger"
	"github.com/clipper/clipperops/internal/pgtest"
)

// schemaVersions is what the package embeds.
const schemaVersions = 2

func open(t *testing.T, target config.Target) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), pgtest.Connect(t, target))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return l
}

// refused opens the ledger and returns why it cannot be written.
func refused(t *testing.T, conn *pgx.Conn) *ledger.UnavailableError {
	t.Helper()
	_, err := ledger.Open(t.Context(), conn)
	var u *ledger.UnavailableError
	if !errors.As(err, &u) {
		t.Fatalf("Open: %v, want an *UnavailableError", err)
	}
	return u
}

func TestOpenMakesTheSchemaOnceAndKeepsPublicOut(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	open(t, target)
	open(t, target)
	if got := pgtest.QueryColumn[int32](t, target, `SELECT version FROM clipperops.schema_version ORDER BY 1`); !cmp.Equal(got, []int32{1, 2}) {
		t.Errorf("schema versions %v, want 1 and 2", got)
	}
	granted := pgtest.QueryColumn[string](t, target, `
		SELECT c.relname::text FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
		 WHERE c.relnamespace = 'clipperops'::regnamespace AND a.grantee = 0
		UNION ALL
		SELECT n.nspname::text FROM pg_namespace n, aclexplode(n.nspacl) a
		 WHERE n.nspname = 'clipperops' AND a.grantee = 0`)
	if len(granted) > 0 {
		t.Errorf("PUBLIC has rights on %v", granted)
	}
}

// TestOpenKeepsPublicOutDespiteDefaultPrivileges guards against a database whose
// default privileges open every new table to everyone.
func TestOpenKeepsPublicOutDespiteDefaultPrivileges(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.AsRole())
	pgtest.Exec(t, target, `
		ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC`)
	open(t, target)
	granted := pgtest.QueryColumn[string](t, target, `
		SELECT c.relname::text FROM pg_class c, aclexplode(c.relacl) a
		 WHERE c.relnamespace = 'clipperops'::regnamespace AND a.grantee = 0
		UNION ALL
		SELECT n.nspname::text FROM pg_namespace n, aclexplode(n.nspacl) a
		 WHERE n.nspname = 'clipperops' AND a.grantee = 0`)
	if len(granted) > 0 {
		t.Errorf("PUBLIC has rights on %v", granted)
	}
}

func TestManyFirstUsersAtOnceDoNotCollide(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	const users = 8
	errs := make([]error, users)
	conns := make([]*pgx.Conn, users)
	for i := range conns {
		conns[i] = pgtest.Connect(t, target)
	}
	var wg sync.WaitGroup
	for i := range users {
		wg.Go(func() { _, errs[i] = ledger.Open(t.Context(), conns[i]) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := pgtest.QueryValue[int](t, target, `SELECT count(*) FROM clipperops.schema_version`); n != schemaVersions {
		t.Errorf("%d schema versions, want %d", n, schemaVersions)
	}
}

func TestOpenBringsAnOlderSchemaForward(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	open(t, target)
	pgtest.Exec(t, target, `
		DROP TABLE clipperops.files, clipperops.statements, clipperops.known_versions;
		DELETE FROM clipperops.schema_version WHERE version = 2`)
	conn := pgtest.Connect(t, target)
	if known, err := ledger.KnownVersions(t.Context(), conn); err != nil || known != nil {
		t.Errorf("KnownVersions of version 1: %v, %v; want nothing", known, err)
	}
	open(t, target)
	if n := pgtest.QueryValue[int](t, target, `SELECT count(*) FROM clipperops.files`); n != 0 {
		t.Errorf("%d files", n)
	}
}

func TestOpenRefusesASchemaNewerThanItKnows(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	open(t, target)
	pgtest.Exec(t, target, `INSERT INTO clipperops.schema_version (version) VALUES (7)`)
	conn := pgtest.Connect(t, target)
	u := refused(t, conn)
	if u.Reason != ledger.Newer || u.Have != 7 || u.Know != schemaVersions || u.Fix() == "" {
		t.Errorf("%+v", u)
	}
	if entries, err := ledger.History(t.Context(), conn, ledger.Filter{}); err != nil || len(entries) != 0 {
		t.Errorf("History: %v, %v; what a newer program only added to stays readable", entries, err)
	}
	pgtest.Exec(t, target, `ALTER TABLE clipperops.runs RENAME COLUMN step TO stage`)
	_, err := ledger.History(t.Context(), conn, ledger.Filter{})
	var newer *ledger.UnavailableError
	if !errors.As(err, &newer) || newer.Reason != ledger.Newer {
		t.Errorf("History of a schema that cannot be read: %v, want it to name the newer program", err)
	}
}

func TestOpenWithoutTheRightToCreate(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	role := pgtest.NewRole(t, "").WithDatabase(target.Database)
	conn := pgtest.Connect(t, role)
	u := refused(t, conn)
	if u.Reason != ledger.NoPrivilege || u.Role != role.User || u.Fix() == "" {
		t.Errorf("%+v", u)
	}
	if entries, err := ledger.History(t.Context(), conn, ledger.Filter{}); err != nil || entries != nil {
		t.Errorf("History: %v, %v; an absent ledger is an empty one", entries, err)
	}
	// The remedy is a statement that helps.
	pgtest.Exec(t, target, `CREATE SCHEMA clipperops AUTHORIZATION `+pgx.Identifier{role.User}.Sanitize())
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := pgtestExec(ctx, target, `DROP OWNED BY `+pgx.Identifier{role.User}.Sanitize()); err != nil {
			t.Error(err)
		}
	})
	open(t, role)
}

func TestOpenOfALedgerThatBelongsToAnother(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	open(t, target)
	role := pgtest.NewRole(t, "").WithDatabase(target.Database)
	conn := pgtest.Connect(t, role)
	if u := refused(t, conn); u.Reason != ledger.NoPrivilege || u.Fix() == "" {
		t.Errorf("%+v", u)
	}
	_, err := ledger.History(t.Context(), conn, ledger.Filter{})
	var u *ledger.UnavailableError
	if !errors.As(err, &u) || u.Reason != ledger.NoPrivilege || u.Fix() == "" {
		t.Errorf("History: %v, want the missing right named", err)
	}
}

func TestOpenNamesTheTablesThatMayNotBeWritten(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	open(t, target)
	role := pgtest.NewRole(t, "").WithDatabase(target.Database)
	name := pgx.Identifier{role.User}.Sanitize()
	pgtest.Exec(t, target, `
		GRANT USAGE ON SCHEMA clipperops TO `+name+`;
		GRANT SELECT ON ALL TABLES IN SCHEMA clipperops TO `+name)
	t.Cleanup(func() {
		if _, err := pgtestExec(context.WithoutCancel(t.Context()), target, `DROP OWNED BY `+name); err != nil {
			t.Error(err)
		}
	})
	conn := pgtest.Connect(t, role)
	u := refused(t, conn)
	if u.Reason != ledger.NoPrivilege || u.Detail != "role "+role.User+" may not write clipperops.files, clipperops.known_versions, clipperops.runs, clipperops.statements" {
		t.Errorf("%+v", u)
	}
	if _, err := ledger.History(t.Context(), conn, ledger.Filter{}); err != nil {
		t.Errorf("History: %v; who may read may read", err)
	}
}

func TestOpenInAReadOnlySession(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	open(t, target)
	conn := pgtest.Connect(t, target)
	if _, err := conn.Exec(t.Context(), `SET default_transaction_read_only = on`); err != nil {
		t.Fatal(err)
	}
	if u := refused(t, conn); u.Reason != ledger.ReadOnly {
		t.Errorf("%+v", u)
	}
	if _, err := ledger.History(t.Context(), conn, ledger.Filter{}); err != nil {
		t.Errorf("History: %v", err)
	}
}

func TestOpenGivesUpOnALockedLedger(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	if _, err := conn.Exec(t.Context(), `SET lock_timeout = '50ms'`); err != nil {
		t.Fatal(err)
	}
	open(t, target)
	holder := pgtest.Connect(t, target)
	if _, err := holder.Exec(t.Context(), `BEGIN; LOCK TABLE clipperops.schema_version`); err != nil {
		t.Fatal(err)
	}
	if u := refused(t, conn); u.Reason != ledger.Busy || u.Fix() == "" {
		t.Errorf("%+v", u)
	}
}

func TestOpenOnALostConnectionIsBroken(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	conn := pgtest.Connect(t, target)
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := refused(t, conn); u.Reason != ledger.Broken || u.Err == nil {
		t.Errorf("%+v", u)
	}
}

// pgtestExec is pgtest.Exec for clean-up, where the test's context is done.
func pgtestExec(ctx context.Context, target config.Target, sql string) (string, error) {
	conn, err := pgx.Connect(ctx, target.ConnString())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing depends on it
	tag, err := conn.Exec(ctx, sql)
	return tag.String(), err
}

// TestAStandbyIsReadAndNotWritten: the history of a primary can be read from its
// standby, and the command that cannot write there goes on.
func TestAStandbyIsReadAndNotWritten(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartServer(t, nil)
	target := primary.Target("postgres")
	standby := pgtest.Standby(t, primary)
	conn := pgtest.Connect(t, standby.Target("postgres"))
	if entries, err := ledger.History(t.Context(), conn, ledger.Filter{}); err != nil || entries != nil {
		t.Errorf("History before there is a ledger: %v, %v", entries, err)
	}
	if u := refused(t, conn); u.Reason != ledger.ReadOnly {
		t.Errorf("%+v", u)
	}
	must(t, open(t, target).Begin(t.Context(), header(runID)))
	pgtest.CatchUp(t, primary, standby)
	if u := refused(t, conn); u.Reason != ledger.ReadOnly || u.Detail != "the server is a standby in recovery" {
		t.Errorf("%+v", u)
	}
	if entries, err := ledger.History(t.Context(), conn, ledger.Filter{}); err != nil || len(entries) != 1 {
		t.Errorf("History: %v, %v", entries, err)
	}
}
