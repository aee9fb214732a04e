package runbook

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/clipper/clipperops/migrate"
)

// What a schema is read with: generous, for nobody waits behind a reader, but for
// a view that is being replaced.
const (
	schemaStatementTimeout = 5 * time.Minute
	schemaLockTimeout      = 10 * time.Second
)

// schemaShop is where schemas are read and built: the session, and the throwaway
// server, where one had to be started.
type schemaShop struct {
	*Session
	note   func(string)
	server *sandbox.Server
}

func (shop *schemaShop) tell(text string) {
	if shop.note != nil {
		shop.note(text)
	}
}

// close stops the throwaway server.
func (shop *schemaShop) close(ctx context.Context) {
	if shop.server == nil {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := shop.server.Stop(limited); err != nil {
		shop.tell("the throwaway server could not be removed: " + err.Error())
	}
}

// build builds the schema of migrations from nothing on a scratch database.
func (shop *schemaShop) build(ctx context.Context, plan *migrate.Plan) (*Schema, error) {
	scratch, err := shop.empty(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := scratch.drop(ctx); err != nil {
			shop.tell("the scratch database " + scratch.target.Database + " could not be dropped: " + err.Error() + "; clipperops scratch prune")
		}
	}()
	shop.tell(fmt.Sprintf("building %s up to version %d on %s: %s", plan.Source, plan.To, scratch.place, files(len(plan.Files))))
	const throwaway = "a scratch database that nobody needs"
	applied, err := migrate.Apply(ctx, scratch.target, plan, migrate.Backup{Waived: throwaway}, migrate.Rehearsal{Waived: throwaway},
		migrate.ApplyOptions{Application: shop.application("schema"), RetryFor: -1})
	if err != nil {
		return nil, notBuilt(ctx, plan.Source, applied, err)
	}
	schema, err := shop.readDatabase(ctx, scratch.target)
	if err != nil {
		return nil, err
	}
	schema.Kind, schema.Source, schema.Built = "migrations", plan.Source, scratch.place
	return schema, nil
}

// notBuilt is the failure of migrations that do not run from nothing. What the
// engine says of the database is about one that is gone already.
func notBuilt(ctx context.Context, dir string, applied *migrate.Applied, err error) error {
	if ctx.Err() != nil {
		return pg.Cause(ctx, errors.New("interrupted while building "+dir))
	}
	cause := ops.AsFailure(err)
	f := &ops.Failure{
		Code: ops.ExitFailed, What: "the migrations in " + dir + " cannot be built from nothing", Err: err,
		Detail: append([]string{cause.What}, cause.Detail...),
		State:  []string{"no database was changed; the scratch database is dropped"},
	}
	if n := len(applied.Files); n > 0 {
		f.Next = []string{fmt.Sprintf("versions up to %d can be built: %s@%d", applied.Files[n-1].Version, filepath.Clean(dir), applied.Files[n-1].Version)}
	} else {
		f.Next = []string{"if they begin where another set of files ends, compare with a snapshot of a database instead"}
	}
	return f
}

// scratchDatabase is an empty database, for as long as it is needed.
type scratchDatabase struct {
	target config.Target
	place  string
	drop   func(context.Context) error
}

// empty makes an empty database where the settings want clones to be, like the
// target in its locale and owner. Without a target there is nothing to be like:
// then a throwaway server does.
func (shop *schemaShop) empty(ctx context.Context) (*scratchDatabase, error) {
	like := shop.Config.Target
	if shop.Config.TargetErr != nil {
		if shop.Config.Rehearsal.Place != config.RehearseOnURL {
			return shop.emptyThrowaway(ctx)
		}
		like = shop.Config.Rehearsal.Server
	}
	programs, err := shop.programsFor(ctx, like)
	if err != nil {
		return nil, shop.ofRehearsalServer(err)
	}
	clone, err := shop.place().Clone(ctx, pg.CloneRequest{
		Source: like, Run: shop.NewID(), Application: shop.application("schema"), Programs: programs, Note: shop.tell,
		Fill: func(context.Context, config.Target, pg.Programs) error { return nil },
	})
	if err != nil {
		return nil, shop.ofRehearsalServer(err)
	}
	return &scratchDatabase{target: clone.Target, place: clone.Place, drop: clone.Drop}, nil
}

// programsFor finds the client programs that fit a server.
func (shop *schemaShop) programsFor(ctx context.Context, target config.Target) (pg.Programs, error) {
	conn, err := pg.Connect(ctx, target, pg.ConnOptions{Application: shop.application("schema"), ReadOnly: true})
	if err != nil {
		return pg.Programs{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read from
	server, err := pg.Describe(ctx, conn)
	if err != nil {
		return pg.Programs{}, err
	}
	return pg.FindPrograms(ctx, pg.ProgramOptions{
		ServerMajor: server.Major(), Dir: shop.Config.PgPrograms, PathEnv: shop.SearchPath, Environ: shop.Environ,
	})
}

// emptyThrowaway makes an empty database on a server of our own, which goes with
// what is on it.
func (shop *schemaShop) emptyThrowaway(ctx context.Context) (*scratchDatabase, error) {
	if shop.server == nil {
		shop.tell("no database is configured: starting a throwaway server")
		server, err := sandbox.StartServer(ctx, sandbox.ServerOptions{
			Fast: true, Ephemeral: true, PathEnv: shop.SearchPath, Image: shop.SandboxImage, Note: shop.note,
		})
		if err != nil {
			return nil, err
		}
		shop.server = server
	}
	target := shop.server.Target(pg.ScratchName(shop.NewID()))
	conn, err := pg.Connect(ctx, shop.server.Target("postgres"), pg.ConnOptions{Application: shop.application("schema")})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was left open on it
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{target.Database}.Sanitize()+" TEMPLATE template0"); err != nil {
		return nil, pg.Cause(ctx, err)
	}
	return &scratchDatabase{target: target, place: "a throwaway server", drop: func(context.Context) error { return nil }}, nil
}
