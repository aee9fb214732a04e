package migrations_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrations"
	"github.com/google/go-cmp/cmp"
)

// base is the version a database made WithClipper stands at.
const base = "000010_clipper_base"

// names lists the migrations, oldest first, without direction.
func names(t testing.TB) []string {
	t.Helper()
	files, err := fs.Glob(migrations.FS, "*.up.sql")
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".up.sql")
	}
	slices.Sort(files)
	return files
}

// above lists the migrations after the base.
func above(t testing.TB) []string {
	return slices.DeleteFunc(names(t), func(name string) bool { return name <= base })
}

// apply runs one file as golang-migrate and our engine do: as one simple query.
func apply(t testing.TB, target config.Target, name, direction string) {
	t.Helper()
	pgtest.Exec(t, target, body(t, name, direction))
}

func body(t testing.TB, name, direction string) string {
	t.Helper()
	sql, err := migrations.FS.ReadFile(name + "." + direction + ".sql")
	if err != nil {
		t.Fatal(err)
	}
	return string(sql)
}

// upTo applies every file after the base up to and including that one.
func upTo(t testing.TB, target config.Target, last string) {
	t.Helper()
	for _, name := range above(t) {
		apply(t, target, name, "up")
		if strings.HasPrefix(name, last) {
			return
		}
	}
	t.Fatalf("no migration %s", last)
}

// restrictKey differs from dump to dump.
var restrictKey = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// schema is the text pg_dump writes of the database, without rows.
func schema(t testing.TB, target config.Target) string {
	t.Helper()
	programs, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{
		ServerMajor: pgtest.QueryValue[int](t, target, "SELECT current_setting('server_version_num')::int / 10000"),
		PathEnv:     os.Getenv("PATH"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := programs.Dump.Command(t.Context(), target, "--schema-only")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, errs.String())
	}
	return restrictKey.ReplaceAllString(out.String(), "")
}

func TestEveryUpHasItsDown(t *testing.T) {
	t.Parallel()
	want := []string{
		base, "000011_add_moderation_audit_logs", "000049_add_moderation_queue_system",
		"000050_add_moderation_appeals", "000069_add_forum_moderation", "000097_update_moderation_audit_logs",
	}
	if diff := cmp.Diff(want, names(t)); diff != "" {
		t.Error(diff)
	}
	for _, name := range want {
		if strings.TrimSpace(body(t, name, "up")) == "" || strings.TrimSpace(body(t, name, "down")) == "" {
			t.Errorf("%s has an empty file", name)
		}
	}
}

// TestDownUndoesExactlyItsUp goes up, down and up again with each file.
func TestDownUndoesExactlyItsUp(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	before := schema(t, target)
	for _, name := range names(t) {
		apply(t, target, name, "up")
		after := schema(t, target)
		if before == after {
			t.Errorf("%s changes nothing", name)
		}
		apply(t, target, name, "down")
		if diff := cmp.Diff(before, schema(t, target)); diff != "" {
			t.Errorf("%s: down does not give the schema before\n%s", name, diff)
		}
		apply(t, target, name, "up")
		if diff := cmp.Diff(after, schema(t, target)); diff != "" {
			t.Errorf("%s: up, down, up is not up\n%s", name, diff)
		}
		before = after
	}
}

func TestTheWholeChainGoesDownAndUpAgain(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	all := names(t)
	empty := schema(t, target)
	for _, name := range all {
		apply(t, target, name, "up")
	}
	full := schema(t, target)
	for _, name := range slices.Backward(all) {
		apply(t, target, name, "down")
	}
	if diff := cmp.Diff(empty, schema(t, target)); diff != "" {
		t.Errorf("something is left\n%s", diff)
	}
	for _, name := range all {
		apply(t, target, name, "up")
	}
	if diff := cmp.Diff(full, schema(t, target)); diff != "" {
		t.Errorf("the second time is another schema\n%s", diff)
	}
}

// TestClippersOwnRowsAreNotTouched guards the tables that stood before the release.
func TestClippersOwnRowsAreNotTouched(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	rows := func() map[string]string {
		got := map[string]string{}
		for _, table := range []string{"users", "clips", "comments", "clip_submissions"} {
			got[table] = pgtest.QueryValue[string](t, target,
				fmt.Sprintf("SELECT count(*) || ' ' || md5(string_agg(to_jsonb(x)::text, ',' ORDER BY id)) FROM %s x", table))
		}
		return got
	}
	before, bare := rows(), schema(t, target)
	upTo(t, target, "000097")
	if diff := cmp.Diff(before, rows()); diff != "" {
		t.Errorf("after going up\n%s", diff)
	}
	for _, name := range slices.Backward(above(t)) {
		apply(t, target, name, "down")
	}
	if diff := cmp.Diff(before, rows()); diff != "" {
		t.Errorf("after going down\n%s", diff)
	}
	if diff := cmp.Diff(bare, schema(t, target)); diff != "" {
		t.Errorf("the schema after going down\n%s", diff)
	}
}

// TestDownLeavesAnExtensionThatStoodBefore guards pgcrypto, which 000010 makes on
// PostgreSQL 12 only, and which may be somebody else's.
func TestDownLeavesAnExtensionThatStoodBefore(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	there := func() bool {
		return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pgcrypto')")
	}
	pgtest.Exec(t, target, "CREATE EXTENSION pgcrypto")
	apply(t, target, base, "up")
	apply(t, target, base, "down")
	if !there() {
		t.Fatal("an extension that stood before is gone")
	}
	apply(t, target, base, "up")
	pgtest.Exec(t, target, "COMMENT ON EXTENSION pgcrypto IS 'created by migration 000010_clipper_base'")
	apply(t, target, base, "down")
	if there() {
		t.Error("the extension that the up file marked as its own is left")
	}
}
