package backup_test

import (
	"context"
	"os"
	"testing"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/internal/sandbox"
)

// inContainer starts a server in a container and finds the programs in it.
func inContainer(t *testing.T) (config.Target, pg.Programs) {
	t.Helper()
	server, err := sandbox.StartServer(t.Context(), sandbox.ServerOptions{
		Backend: sandbox.BackendDocker, Image: pgtest.Image(t), PathEnv: os.Getenv("PATH"), Fast: true, Ephemeral: true,
	})
	if err != nil {
		t.Fatal(explain(err))
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	p, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{
		ServerMajor: server.Major, Dir: pg.InContainer + server.Container, PathEnv: os.Getenv("PATH"), Environ: os.Environ(),
	})
	if err != nil {
		t.Fatal(explain(err))
	}
	return server.Target("postgres"), p
}

func TestTheProgramsOfAContainerDoAsWell(t *testing.T) {
	t.Parallel()
	target, p := inContainer(t)
	large(t, target)
	o := backup.Options{Target: target, Dir: t.TempDir(), Programs: p}
	ref := create(t, o)
	r := backup.RestoreOptions{File: ref.Path, Into: target.WithDatabase("restored"), Programs: p}
	restore(t, r)

	// A killed "docker exec" leaves its program running in the container.
	for _, label := range []string{"pg_dump", "restore"} {
		ctx, cancel := context.WithCancel(t.Context())
		interrupt := func(p ops.Progress) {
			if p.Label == label {
				cancel()
			}
		}
		var err error
		if o.Progress, r.Progress = interrupt, interrupt; label == "pg_dump" {
			_, err = backup.Create(ctx, o)
		} else {
			r.Into = target.WithDatabase("interrupted")
			_, err = backup.Restore(ctx, r)
		}
		cancel()
		failed(t, err, ops.ExitInterrupted)
		eventually(t, "no session is left", func() bool {
			return pgtest.QueryValue[int](t, target, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%clipperops backup%'") == 0
		})
	}
	if n := len(filesIn(t, o.Dir)); n != 2 {
		t.Errorf("%d files, want the first backup's two", n)
	}
	if n := pgtest.QueryValue[int](t, target, "SELECT count(*) FROM pg_database WHERE datname LIKE 'interrupted%'"); n != 0 {
		t.Error("an interrupted database is left")
	}
}
