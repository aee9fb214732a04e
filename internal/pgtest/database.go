package pgtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/sandbox"
	"github.com/jackc/pgx/v5"
)

// clipperUsers is how many users a database made WithClipper has.
const clipperUsers = 30

// Option says what a test's database holds and who works in it.
type Option func(*wanted)

type wanted struct {
	clipper    bool
	users      int
	moderation bool
	role       bool
}

// WithClipper makes the database a Clipper at version 10, clean, with a few
// users, clips, comments and submissions.
func WithClipper() Option {
	return func(w *wanted) { w.clipper, w.users = true, clipperUsers }
}

// WithUsers makes the database a Clipper with that many users and what belongs to them.
func WithUsers(n int) Option {
	return func(w *wanted) { w.clipper, w.users = true, n }
}

// WithModeration makes the database a Clipper as WithClipper does, with the
// moderation release applied: version 97, clean.
func WithModeration() Option {
	return func(w *wanted) { WithClipper()(w); w.moderation = true }
}

// Empty leaves the database empty, as no option does: it says so.
func Empty() Option {
	return func(w *wanted) { *w = wanted{role: w.role} }
}

// AsRole hands the database and all in it to a new role that is no superuser but may
// create databases, as an operator's role should, and returns the target as that role.
func AsRole() Option {
	return func(w *wanted) { w.role = true }
}

// New returns a fresh database on the shared server, dropped at the end of the
// test with whatever is still connected to it.
func New(t testing.TB, opts ...Option) config.Target {
	t.Helper()
	var w wanted
	for _, o := range opts {
		o(&w)
	}
	server := Shared(t)
	target := server.WithDatabase(name("db"))
	role := server
	if w.role { // before the database, so that it is dropped after it
		role = NewRole(t, "CREATEDB")
	}
	template := "template0"
	if w.clipper && w.users == clipperUsers {
		var err error
		if template, err = clipperTemplate(); err != nil {
			fatal(t, "no Clipper template", err)
		}
	}
	if err := createDatabase(t.Context(), server, target.Database, template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { drop(t, server, target.Database) })
	if w.clipper && w.users != clipperUsers {
		if err := makeClipper(t.Context(), target, w.users); err != nil {
			fatal(t, "no Clipper", err)
		}
	}
	if w.moderation {
		applyRelease(t, target)
	}
	if w.role {
		return handOver(t, target, role)
	}
	return target
}

// clipperTemplate builds the template once per process.
var clipperTemplate = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	it, err := shared()
	if err != nil {
		return "", err
	}
	server := it.target
	template := server.WithDatabase(name("template"))
	if err := createDatabase(ctx, server, template.Database, "template0"); err != nil {
		return "", err
	}
	return template.Database, makeClipper(ctx, template, clipperUsers)
})

func makeClipper(ctx context.Context, target config.Target, users int) error {
	if err := sandbox.ApplyClipper(ctx, target); err != nil {
		return err
	}
	return sandbox.Seed(ctx, target, users, nil)
}

func createDatabase(ctx context.Context, server config.Target, database, template string) error {
	return onServer(ctx, server, "CREATE DATABASE "+quoted(database)+" TEMPLATE "+quoted(template))
}

// drop removes a database and ends who is still connected.
func drop(t testing.TB, server config.Target, database string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := onServer(ctx, server, "DROP DATABASE IF EXISTS "+quoted(database)+" WITH (FORCE)"); err != nil {
		t.Errorf("dropping the test's database: %v", err)
	}
}

// onServer runs one statement in the server's own database.
func onServer(ctx context.Context, server config.Target, sql string) error {
	conn, err := dial(ctx, server)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", server, err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing depends on it
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%w\n    in: %s", err, sql)
	}
	return nil
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
