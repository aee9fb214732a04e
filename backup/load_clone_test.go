package backup_test

import (
	"context"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

// A rehearsal with data: the clone is what the backup holds, as the role that
// will migrate sees it.
func TestABackupFillsAClone(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t, pgtest.WithModeration(), pgtest.AsRole())
	ref := create(t, options(t, source))
	for name, place := range map[string]pg.ClonePlace{
		"same":  pg.SameServer(source),
		"local": sandbox.ThrowawayPlace(sandbox.ThrowawayOptions{PathEnv: os.Getenv("PATH"), Backend: sandbox.BackendLocal}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := place.Clone(t.Context(), pg.CloneRequest{
				Source: source, Run: ulid.Make().String(), Programs: programs(t, source),
				Fill: func(ctx context.Context, into config.Target, p pg.Programs) error {
					_, err := backup.Load(ctx, loadOptionsWith(ref.Path, into, p))
					return err
				},
			})
			if err != nil {
				t.Fatal(explain(err))
			}
			t.Cleanup(func() {
				if err := c.Drop(context.WithoutCancel(t.Context())); err != nil {
					t.Error(explain(err))
				}
			})
			for _, sql := range []string{
				"SELECT version::text || dirty FROM schema_migrations", "SELECT count(*)::text FROM users",
				"SELECT md5(string_agg(u::text, ' ' ORDER BY u::text)) FROM users u",
			} {
				if want, got := pgtest.QueryValue[string](t, source, sql), pgtest.QueryValue[string](t, c.Target, sql); got != want {
					t.Errorf("%s: %s on the clone, %s on the source", sql, got, want)
				}
			}
			exclude := pg.SnapshotOptions{}
			if name == "same" { // an extension belongs to whom creates it
				exclude.ExcludeKinds = []pg.Kind{pg.KindOwner}
			}
			if diff := cmp.Diff(snapshot(t, source, exclude), snapshot(t, c.Target, exclude)); diff != "" {
				t.Errorf("(-source +clone):\n%s", diff)
			}
		})
	}
}

func loadOptionsWith(file string, into config.Target, p pg.Programs) backup.LoadOptions {
	return backup.LoadOptions{File: file, Into: into, Programs: p, Application: "clipperops rehearse (alice@ops1)"}
}

func snapshot(t testing.TB, target config.Target, o pg.SnapshotOptions) []pg.Object {
	t.Helper()
	s, err := pg.TakeSnapshot(t.Context(), pgtest.Connect(t, target), o)
	if err != nil {
		t.Fatal(err)
	}
	return s.Objects
}
