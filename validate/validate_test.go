package validate_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrations"
	"github.com/clipper/clipperops/release"
	"github.com/clipper/clipperops/validate"
	"github.com/google/go-cmp/cmp"
)

// clipperAt is a database with the files of a release applied up to that version.
func clipperAt(t testing.TB, r *release.Release, files fs.FS, version int64, opts ...pgtest.Option) config.Target {
	t.Helper()
	target := pgtest.New(t, append([]pgtest.Option{pgtest.WithClipper()}, opts...)...)
	migrate(t, target, r, files, version)
	return target
}

func migrate(t testing.TB, target config.Target, r *release.Release, files fs.FS, version int64) {
	t.Helper()
	var all strings.Builder
	for _, m := range r.Migrations {
		if int64(m.Version) > version {
			break
		}
		body, err := fs.ReadFile(files, m.FileName("up"))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(body)
	}
	pgtest.Exec(t, target, all.String())
}

func moderationAt(t testing.TB, version int64, opts ...pgtest.Option) config.Target {
	t.Helper()
	return clipperAt(t, release.Moderation(), migrations.FS, version, opts...)
}

func favourites(t testing.TB) (*release.Release, fs.FS) {
	t.Helper()
	r, err := release.Load("../release/testdata/favourites.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return r, os.DirFS("../release/testdata/favourites")
}

// look evaluates every check, as a step does.
func look(t testing.TB, target config.Target, r *release.Release, version int64) []ops.Result {
	t.Helper()
	return evaluate(t.Context(), validate.Checks(validate.Input{
		Conn: pgtest.Connect(t, target), Release: r, Version: version, Environment: "staging",
	}))
}

func evaluate(ctx context.Context, checks []ops.Check) []ops.Result {
	results := make([]ops.Result, len(checks))
	for i, c := range checks {
		results[i] = c.Evaluate(ctx)
	}
	return results
}

// not lists the results that did not pass, one a line.
func not(results []ops.Result) []string {
	var out []string
	for _, r := range results {
		if r.Status != ops.StatusPass {
			out = append(out, fmt.Sprintf("%s %s", r.Status, r.ID))
		}
	}
	return out
}

// of returns the result with that id.
func of(t testing.TB, results []ops.Result, id string) ops.Result {
	t.Helper()
	for _, r := range results {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("no result %s", id)
	return ops.Result{}
}

func TestEverythingPassesOnceTheReleaseIsApplied(t *testing.T) {
	t.Parallel()
	target := moderationAt(t, 97)
	for _, version := range []int64{97, 111} { // at the target, and in a chain that went on
		results := look(t, target, release.Moderation(), version)
		for _, r := range results {
			if r.Status != ops.StatusPass {
				t.Errorf("%d: %s %s: %s %v", version, r.Status, r.ID, r.Summary, r.Evidence)
			}
		}
		if len(results) < 60 {
			t.Errorf("%d: only %d checks", version, len(results))
		}
	}
}

func TestBeforeTheReleaseOneResultSaysSo(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	for version, says := range map[int64]string{
		-1: "moderation is not applied: the database is at no version, and moderation begins with 11",
		10: "moderation is not applied: the database is at version 10, and moderation begins with 11",
	} {
		results := look(t, target, release.Moderation(), version)
		if len(results) != 1 {
			t.Fatalf("%d results, want 1", len(results))
		}
		r := results[0]
		if r.Status != ops.StatusSkip || r.Summary != says || r.Fix != "clipperops migrate --env staging" {
			t.Errorf("%s: %s (fix: %s)", r.Status, r.Summary, r.Fix)
		}
		if got := r.Evidence[len(r.Evidence)-1].Value; got != "000097_update_moderation_audit_logs.up.sql" {
			t.Errorf("the evidence ends with %s", got)
		}
	}
}

// TestAppliedInPartChecksWhatShouldBeThere guards against failures about files
// that nobody applied.
func TestAppliedInPartChecksWhatShouldBeThere(t *testing.T) {
	t.Parallel()
	for version, missing := range map[int64]int{11: 4, 49: 3, 50: 2, 69: 1} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			results := look(t, moderationAt(t, version), release.Moderation(), version)
			if diff := cmp.Diff([]string{"warn validate.version"}, not(results)); diff != "" {
				t.Error(diff)
			}
			r := of(t, results, "validate.version")
			if want := fmt.Sprintf("%d of 5 migrations are missing", missing); !strings.Contains(r.Summary, want) {
				t.Errorf("%q does not say %q", r.Summary, want)
			}
			if len(r.Evidence) != missing+1 {
				t.Errorf("evidence %v", r.Evidence)
			}
		})
	}
}

func TestBetweenTwoFilesOfTheReleaseTheLowerOneCounts(t *testing.T) {
	t.Parallel()
	results := look(t, moderationAt(t, 50), release.Moderation(), 60)
	if diff := cmp.Diff([]string{"warn validate.version"}, not(results)); diff != "" {
		t.Error(diff)
	}
}

func TestADirtyVersionIsAFailureAndNothingElseIsAsked(t *testing.T) {
	t.Parallel()
	results := evaluate(t.Context(), validate.Checks(validate.Input{
		Conn: pgtest.Connect(t, moderationAt(t, 50)), Release: release.Moderation(), Version: 50, Dirty: true,
	}))
	if len(results) != 1 || results[0].Status != ops.StatusFail || !strings.Contains(results[0].Summary, "dirty") || results[0].Fix == "" {
		t.Errorf("%+v", results)
	}
}

func TestWithoutAConnectionNothingPasses(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	for _, err := range []error{refused, nil} {
		results := evaluate(t.Context(), validate.Checks(validate.Input{ConnErr: err, Release: release.Moderation(), Version: 97}))
		if len(results) != 1 || results[0].Status != ops.StatusFail || results[0].Err == nil {
			t.Errorf("%+v", results)
		}
	}
}

func TestAConnectionThatDiesBreaksChecksAndPassesNone(t *testing.T) {
	t.Parallel()
	target := moderationAt(t, 97)
	conn := pgtest.Connect(t, target)
	pgtest.Exec(t, target, "SELECT pg_terminate_backend($1::int)", int32(conn.PgConn().PID()))
	results := evaluate(t.Context(), validate.Checks(validate.Input{Conn: conn, Release: release.Moderation(), Version: 97}))
	for _, r := range results {
		if r.ID != "validate.version" && (r.Status != ops.StatusFail || r.Err == nil || r.Fix == "") {
			t.Errorf("%s %s: %s", r.Status, r.ID, r.Summary)
		}
	}
}

// TestAnotherReleaseIsCheckedByItsFileAlone shows that no code knows moderation.
func TestAnotherReleaseIsCheckedByItsFileAlone(t *testing.T) {
	t.Parallel()
	r, files := favourites(t)
	target := clipperAt(t, r, files, 120)
	results := look(t, target, r, 120)
	if got := not(results); got != nil {
		t.Errorf("not passed: %v", got)
	}
	ids := []string{
		"validate.version", "validate.tables.favourites", "validate.columns.favourites", "validate.indexes.favourites",
		"validate.constraints.favourites", "validate.foreign_keys_valid", "validate.indexes_valid",
		"validate.data.positions", "validate.plans.list", "validate.writes.favourites",
	}
	var got []string
	for _, r := range results {
		got = append(got, r.ID)
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Error(diff)
	}
	pgtest.Exec(t, target, "INSERT INTO favourites (user_id, clip_id, position) SELECT u.id, c.id, -1 FROM users u, clips c LIMIT 3")
	pgtest.Exec(t, target, "DROP INDEX idx_favourites_clip")
	want := []string{"fail validate.indexes.favourites", "warn validate.data.positions"}
	if diff := cmp.Diff(want, not(look(t, target, r, 120))); diff != "" {
		t.Error(diff)
	}
}

func TestTheCatalogueHasEveryCheckOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	groups := []string{}
	for _, c := range validate.Catalogue(release.Moderation()) {
		if seen[c.ID] {
			t.Errorf("%s stands twice", c.ID)
		}
		seen[c.ID] = true
		if c.Title == "" || c.Run == nil || !strings.HasPrefix(c.ID, "validate.") {
			t.Errorf("%+v", c)
		}
		if !slices.Contains(groups, c.Group) {
			groups = append(groups, c.Group)
		}
	}
	if diff := cmp.Diff([]string{"schema", "data", "performance", "writes"}, groups); diff != "" {
		t.Error(diff)
	}
	in := validate.Input{Conn: pgtest.Connect(t, pgtest.New(t)), Release: release.Moderation()}
	for _, version := range []int64{10, 11, 49, 50, 69, 97} {
		in.Version = version
		for _, c := range validate.Checks(in) {
			if !seen[c.ID] {
				t.Errorf("%s, a check at %d, is not in the catalogue", c.ID, version)
			}
		}
	}
}
