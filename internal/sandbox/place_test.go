package sandbox_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

func cloneRequest(t testing.TB, source config.Target) pg.CloneRequest {
	t.Helper()
	programs, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{PathEnv: os.Getenv("PATH"), Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return pg.CloneRequest{
		Source: source, Run: ulid.Make().String(), Application: "clipperops migrate (alice@ops1)", Programs: programs,
		Rows: [][2]string{{"public", "schema_migrations"}}, Note: func(s string) { t.Log(s) },
	}
}

func throwaway() pg.ClonePlace {
	return sandbox.ThrowawayPlace(sandbox.ThrowawayOptions{PathEnv: os.Getenv("PATH"), Backend: sandbox.BackendLocal})
}

func makeClone(t testing.TB, place pg.ClonePlace, r pg.CloneRequest) *pg.Clone {
	t.Helper()
	c, err := place.Clone(t.Context(), r)
	if err != nil {
		t.Fatal(failureText(err))
	}
	t.Cleanup(func() {
		if err := c.Drop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(failureText(err))
		}
	})
	return c
}

func failureText(err error) string {
	f := ops.AsFailure(err)
	return strings.Join(slices.Concat([]string{f.What}, f.Detail, f.State, f.Next), "\n    ")
}

// sameSchema expects the clone to be what its source is.
func sameSchema(t testing.TB, source, clone config.Target) {
	t.Helper()
	take := func(target config.Target) *pg.Snapshot {
		s, err := pg.TakeSnapshot(t.Context(), pgtest.Connect(t, target), pg.SnapshotOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before, after := take(source), take(clone)
	if len(before.Objects) == 0 {
		t.Fatal("the source is empty")
	}
	for _, c := range pg.Flatten(pg.Diff(before, after)) {
		t.Errorf("%s %s\n    source: %s\n    clone:  %s", c.Op, c.Key, c.Before, c.After)
	}
}

func TestAThrowawayServerHoldsACloneOfTheRelease(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole())
	c := makeClone(t, throwaway(), cloneRequest(t, source))
	if c.Target.User != source.User || c.Target.Port == source.Port {
		t.Errorf("the clone is %s, of %s", c.Target, source)
	}
	sameSchema(t, source, c.Target)
	if v := value[int](t, c.Target, "SELECT version FROM schema_migrations"); v != 97 {
		t.Errorf("version %d in the clone", v)
	}
	t.Logf("made in %s", c.Took)
	if err := c.Drop(t.Context()); err != nil {
		t.Fatal(failureText(err))
	}
	if answers(t, c.Target) {
		t.Error("the server still answers")
	}
}
