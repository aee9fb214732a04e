package pg

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
)

// ClonePlace is where a clone of a database can be had: the target's own server,
// a throwaway one, one that was named. An engine of thin clones can be another.
type ClonePlace interface {
	// String names the place: "the target's own server", "rehearsal.internal:5432".
	String() string
	// Clone makes a clone. The error is a *ops.Failure: ExitRefused, with what to
	// choose instead, when the place cannot hold it. Whatever fails, nothing is left.
	Clone(ctx context.Context, r CloneRequest) (*Clone, error)
	// CanHold says, making nothing that stays, whether the place could hold it: nil, or
	// the error of Clone with everything that is missing, as far as it can be told.
	CanHold(ctx context.Context, r CloneRequest) error
}

// CloneRequest says what to clone.
type CloneRequest struct {
	// Source is the database, over a direct connection. It is only read.
	Source config.Target
	// Run is the ULID of the run. On a server that others use it names the scratch
	// database, so that a second clone of the same run wants a ULID of its own.
	Run string
	// Application is shown to others, e.g. "clipperops migrate (alice@ops1)".
	Application string
	// Programs are pg_dump and psql for the source's version.
	Programs Programs
	// Rows are tables, as schema and name, whose rows are copied into a clone of
	// the schema as well: schema_migrations, the ledger's marks. Those that are not
	// there are passed over.
	Rows [][2]string
	// Without are schemas that are left out of a clone of the schema, with what they
	// hold: nobody has to wait for their locks or own what they own.
	Without []string
	// Fill, when set, fills the clone in the place of the schema's dump. It gets an
	// empty database with the source's locale, and a psql that reaches it.
	Fill func(ctx context.Context, into config.Target, programs Programs) error
	// Extensions are those the plan will create: a place must offer them where the
	// source does.
	Extensions []string
	// LockWait is how long pg_dump waits for the lock of a table. Default: 10 s.
	LockWait time.Duration
	// Note is told what takes long and what could not be copied. May be nil.
	Note func(string)
}

// defaultCloneLockWait is how long pg_dump waits for a table's lock. While it
// waits, whoever wants the same table after it waits too.
const defaultCloneLockWait = 10 * time.Second

// Validate completes the request with its defaults and returns a *ops.Failure
// (ExitUsage) when it cannot be worked with.
func (r *CloneRequest) Validate() error {
	if r.Note == nil {
		r.Note = func(string) {}
	}
	if r.Application == "" {
		r.Application = "clipperops rehearsal"
	}
	if r.LockWait == 0 {
		r.LockWait = defaultCloneLockWait
	}
	switch {
	case r.Source.Database == "":
		return unusable("no database to clone", "set DB_NAME or DATABASE_URL")
	case !scratchName.MatchString(ScratchName(r.Run)):
		return unusable("the run "+r.Run+" is no ULID", "this is a mistake in clipperops")
	case r.Fill == nil && r.Programs.Dump.Path == "":
		return unusable("no pg_dump", "install the PostgreSQL client programs")
	case r.Programs.Psql.Path == "":
		return unusable("no psql", "install the PostgreSQL client programs")
	}
	return nil
}

// Clone is a scratch database that is like its source.
type Clone struct {
	// Target is the clone, as the role that will migrate.
	Target config.Target
	// Name is the scratch database's: ScratchName of the run or, on a server that is
	// the clone's own, the source's.
	Name string
	// Place is where it is.
	Place string
	// ServerVersionNum is that of the clone's server, e.g. 150018.
	ServerVersionNum int
	// Took is how long it took to make.
	Took time.Duration
	// Warnings are what is not as in the source, and why.
	Warnings []string

	server CloneServer
	// keeper holds the advisory lock that says that somebody needs the clone.
	keeper *pgx.Conn

	mu      sync.Mutex
	dropped bool
}

// CloneServer is a server that can hold a clone, as a ClonePlace gives it to MakeClone.
type CloneServer struct {
	// Admin is a database of the server, as the role that makes and fills clones.
	Admin config.Target
	// As is the same server as the role that will migrate.
	As config.Target
	// Place is its name in words.
	Place string
	// Programs have a psql that reaches the server.
	Programs Programs
	// Own says that the server is ours alone: roles were made, and the server goes
	// with the clone.
	Own bool
	// Same says that it is the source's own.
	Same bool
	// Tablespaces says that those of the source are there.
	Tablespaces bool
	// Instead is what to choose when this place cannot hold the clone, as lines for
	// ops.Failure.Next.
	Instead []string
	// Close ends what was begun for the clone, after it was dropped. May be nil.
	Close func(ctx context.Context) error
}

// insteadLocal is what to choose when another server cannot hold a clone.
const insteadLocal = "--rehearse-on local   rehearses on a throwaway server of this machine"

// SameServer is the server the target is on.
func SameServer(t config.Target) ClonePlace { return sameServer{t} }

type sameServer struct{ t config.Target }

func (p sameServer) String() string { return "the target's own server" }

func (p sameServer) Clone(ctx context.Context, r CloneRequest) (*Clone, error) {
	return MakeClone(ctx, r, p.server(r))
}

func (p sameServer) CanHold(ctx context.Context, r CloneRequest) error {
	return canHold(ctx, r, p.server(r))
}

func (p sameServer) server(r CloneRequest) CloneServer {
	return CloneServer{
		Admin: p.t, As: p.t, Place: p.String(), Programs: r.Programs, Same: true, Tablespaces: true, Instead: []string{insteadLocal},
	}
}

// OtherServer is a server that was named; t is any database of it.
func OtherServer(t config.Target) ClonePlace { return otherServer{t} }

type otherServer struct{ t config.Target }

func (p otherServer) String() string {
	return net.JoinHostPort(p.t.Host, strconv.Itoa(int(p.t.Port)))
}

func (p otherServer) Clone(ctx context.Context, r CloneRequest) (*Clone, error) {
	if err := p.reachable(r); err != nil {
		return nil, err
	}
	return MakeClone(ctx, r, p.server(r))
}

func (p otherServer) CanHold(ctx context.Context, r CloneRequest) error {
	if err := p.reachable(r); err != nil {
		return err
	}
	return canHold(ctx, r, p.server(r))
}

// reachable refuses a psql that cannot reach the server.
func (p otherServer) reachable(r CloneRequest) error {
	if c := r.Programs.Psql.Container; c != nil {
		return &ops.Failure{
			Code: ops.ExitRefused, What: "psql runs in container " + c.Name + " and reaches the server there alone, not " + p.String(),
			State: []string{"nothing was touched"}, Next: []string{"install the PostgreSQL client programs on this machine", insteadLocal},
		}
	}
	return nil
}

func (p otherServer) server(r CloneRequest) CloneServer {
	return CloneServer{
		Admin: p.t, As: p.as(r.Source), Place: p.String(), Programs: r.Programs, Instead: []string{insteadLocal},
	}
}

// as is the server with the settings that the source's address gives its sessions.
func (p otherServer) as(source config.Target) config.Target {
	t := p.t.WithDatabase(p.t.Database)
	for name, value := range source.SessionParams() {
		if t.Params == nil {
			t.Params = map[string]string{}
		}
		t.Params[name] = value
	}
	return t
}
