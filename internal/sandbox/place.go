package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// ThrowawayOptions says what a throwaway server for clones runs on. Its version
// is decided by that of the database to clone.
type ThrowawayOptions struct {
	// PathEnv, Backend and BinDir are as in ServerOptions.
	PathEnv string
	Backend Backend
	BinDir  string
	// Image is the Docker image. Default: the official one of the source's version.
	Image string
	// Note is told what takes long. Default: CloneRequest.Note.
	Note func(string)
}

// ThrowawayPlace makes clones on servers of their own on this machine, each gone
// with its clone. The roles of the source are there, with their rights.
func ThrowawayPlace(o ThrowawayOptions) pg.ClonePlace { return throwaway{o} }

type throwaway struct{ o ThrowawayOptions }

// thePlace is how the place is called.
const thePlace = "a throwaway server"

// insteadSame is what to choose when no throwaway server can hold a clone.
const insteadSame = "--rehearse-on same   rehearses on the target's own server; or name another: --rehearse-on postgres://…"

func (throwaway) String() string { return thePlace }

// Clone starts a server and makes the clone on it.
func (p throwaway) Clone(ctx context.Context, r pg.CloneRequest) (*pg.Clone, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if p.o.Note == nil {
		p.o.Note = r.Note
	}
	started := time.Now()
	source, err := readCluster(ctx, r)
	if err != nil {
		return nil, p.failure(ctx, err)
	}
	server, err := p.start(ctx, source)
	if err != nil {
		return nil, p.failure(ctx, err)
	}
	at, err := p.furnish(ctx, r, server, source)
	if err != nil {
		return nil, errors.Join(p.failure(ctx, err), server.Stop(ctx))
	}
	c, err := pg.MakeClone(ctx, r, at)
	if err != nil {
		return nil, err
	}
	c.Took = time.Since(started)
	return c, nil
}

func readCluster(ctx context.Context, r pg.CloneRequest) (*pg.Cluster, error) {
	conn, err := pg.Connect(ctx, r.Source, pg.ConnOptions{Application: r.Application, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	return pg.ReadCluster(ctx, conn)
}

// start starts a server that is not older than the source's.
func (p throwaway) start(ctx context.Context, source *pg.Cluster) (*Server, error) {
	major := source.VersionNum / 10000
	o := ServerOptions{
		Fast: true, Ephemeral: true, PathEnv: p.o.PathEnv, Backend: p.o.Backend, BinDir: p.o.BinDir, Image: p.o.Image, Note: p.o.Note,
		Settings: map[string]string{
			"cluster_name": "clipperops-rehearsal", "max_connections": "50",
			// Its locks would come and go under what is measured.
			"autovacuum":                "off",
			"max_locks_per_transaction": source.MaxLocks, "max_prepared_transactions": source.MaxPrepared,
			"max_logical_replication_workers": "0",
		},
	}
	install, err := FindFor(ctx, o, major)
	if err != nil {
		return nil, err
	}
	o.BinDir, o.Image, o.Backend = install.BinDir, install.Image, BackendLocal
	if install.Docker != "" {
		o.Backend = BackendDocker
	}
	server, err := StartServer(ctx, o)
	if err != nil {
		return nil, err
	}
	if server.Major < major {
		return nil, errors.Join(tooOld(server, major), server.Stop(ctx))
	}
	return server, nil
}

// tooOld is the failure when an image turns out to be older than the source.
func tooOld(s *Server, major int) error {
	return &ops.Failure{
		Code: ops.ExitRefused, What: fmt.Sprintf("%s cannot hold the clone: %s is PostgreSQL %d, older than the target's %d", thePlace, s.Image, s.Major, major),
		State: []string{"nothing was touched"}, Next: []string{insteadSame},
	}
}

// furnish makes the roles and tablespaces of the source on the server.
func (p throwaway) furnish(ctx context.Context, r pg.CloneRequest, s *Server, source *pg.Cluster) (pg.CloneServer, error) {
	admin, err := s.becomeBootstrap(ctx, source.Bootstrap)
	if err != nil {
		return pg.CloneServer{}, err
	}
	at := pg.CloneServer{Admin: admin, As: admin, Place: thePlace, Own: true, Instead: []string{insteadSame}, Close: s.Stop}
	if at.Programs, err = s.programs(ctx, r.Programs, p.o.PathEnv); err != nil {
		return at, err
	}
	if source.User != source.Bootstrap {
		password, err := newPassword()
		if err != nil {
			return at, err
		}
		at.As.User, at.As.Password = source.User, config.Secret(password)
	}
	at.As.Params = r.Source.SessionParams()
	if role := r.Source.Params["role"]; role != "" {
		at.As.Params["role"] = role // all roles are there
	}
	conn, err := pg.Connect(ctx, admin, pg.ConnOptions{Application: r.Application})
	if err != nil {
		return at, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing depends on it
	if err := source.MakeRoles(ctx, conn, map[string]config.Secret{at.As.User: at.As.Password}); err != nil {
		return at, err
	}
	for _, refused := range source.SetRoles(ctx, conn) {
		r.Note(refused)
	}
	if err := source.MakeTablespaces(ctx, conn); err != nil {
		r.Note("the clone is without tablespaces: " + err.Error())
		return at, nil
	}
	at.Tablespaces = true
	return at, nil
}

// becomeBootstrap gives the server's first superuser the name it has on the
// source, where a role of the name it has now may be something else, and returns
// the server's own database as that superuser.
func (s *Server) becomeBootstrap(ctx context.Context, name string) (config.Target, error) {
	admin := s.Target("postgres")
	if name == Superuser {
		return admin, nil
	}
	password, err := newPassword()
	if err != nil {
		return admin, err
	}
	// Nobody can rename the role he logged in as.
	other := admin
	other.User, other.Password = "clipperops_"+strings.ToLower(password[:8]), config.Secret(password)
	quoted := pgx.Identifier{other.User}.Sanitize()
	renamed := admin
	renamed.User = name
	for _, step := range []struct {
		as  config.Target
		sql string
	}{
		{admin, "CREATE ROLE " + quoted + " SUPERUSER LOGIN PASSWORD '" + password + "'"},
		{other, "ALTER ROLE " + Superuser + " RENAME TO " + pgx.Identifier{name}.Sanitize()},
		{renamed, "DROP ROLE " + quoted},
	} {
		conn, err := connect(ctx, step.as)
		if err != nil {
			return admin, err
		}
		_, err = conn.Exec(ctx, step.sql)
		conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck,gosec // nothing depends on it
		if err != nil {
			return admin, fmt.Errorf("naming the superuser %s: %w", name, err)
		}
	}
	return renamed, nil
}

// programs are those that reach the server: its own psql, else one of this machine.
func (s *Server) programs(ctx context.Context, given pg.Programs, pathEnv string) (pg.Programs, error) {
	dir := s.BinDir
	if s.Container != "" {
		dir = pg.InContainer + s.Container
	}
	own, err := pg.FindPrograms(ctx, pg.ProgramOptions{ServerMajor: s.Major, Dir: dir, PathEnv: pathEnv})
	if err == nil {
		return own, nil
	}
	if given.Psql.Container == nil && given.Psql.Path != "" {
		return given, nil
	}
	return own, err
}

// failure makes an error before the clone was begun one that an operator can act on.
func (p throwaway) failure(ctx context.Context, err error) error {
	var made *ops.Failure
	if errors.As(err, &made) && ctx.Err() == nil {
		return err
	}
	f := &ops.Failure{
		What: "no throwaway server for the clone: " + err.Error(), State: []string{"the target was only read"},
		Next: []string{"run the same command again", insteadSame}, Err: err,
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		f.Code, f.What, f.Next = ops.ExitInterrupted, "interrupted while making the clone", f.Next[:1]
	}
	return f
}
