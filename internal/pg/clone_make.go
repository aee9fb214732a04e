package pg

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// scratchPruneTimeout bounds clearing away what killed runs left.
const scratchPruneTimeout = 15 * time.Second

// making is a clone that is being made.
type making struct {
	r      CloneRequest
	at     CloneServer
	source *cloneSource
	keeper *pgx.Conn
	server Server
	clone  *Clone
	// mayOwn says that the scratch database can be given to the source's owner.
	mayOwn bool
	// versions are the lines that create an extension of another version than a new
	// one would have.
	versions map[string]string
	// created says that the scratch database may be there.
	created bool
}

// MakeClone makes a clone on a server; it is what every ClonePlace comes down to.
// The errors are those of ClonePlace.Clone. CloneServer.Close is called when it
// fails, and otherwise by the clone's Drop.
func MakeClone(ctx context.Context, r CloneRequest, at CloneServer) (*Clone, error) {
	m := &making{r: r, at: at}
	started := time.Now()
	if err := m.run(ctx); err != nil {
		failed := ops.AsFailure(m.failure(ctx, err))
		if left := m.undo(ctx); left != nil {
			failed.State = append([]string{"the target was only read"}, ops.AsFailure(left).State...)
			failed.Next = append(failed.Next, ops.AsFailure(left).Next...)
			failed.Err = errors.Join(failed.Err, left)
		}
		return nil, failed
	}
	m.clone.Took = time.Since(started)
	return m.clone, nil
}

// canHold looks at a server as MakeClone does before it makes anything.
func canHold(ctx context.Context, r CloneRequest, at CloneServer) error {
	r.Note = nil // what would differ is said of the clone that is made
	m := &making{r: r, at: at}
	err := m.look(ctx)
	if m.source != nil {
		m.source.close(ctx)
	}
	if err != nil {
		err = m.failure(ctx, err)
	}
	return errors.Join(err, m.undo(ctx))
}

func (m *making) run(ctx context.Context) error {
	err := m.look(ctx)
	if m.source != nil {
		defer m.source.close(ctx)
	}
	if err != nil {
		return err
	}
	m.prune(ctx)
	if err := m.create(ctx); err != nil {
		return err
	}
	return m.fill(ctx)
}

// look opens what the clone is made of and refuses a server that cannot hold it.
func (m *making) look(ctx context.Context) (err error) {
	if err := m.r.Validate(); err != nil {
		return err
	}
	if m.source, err = openCloneSource(ctx, m.r); err != nil {
		return err
	}
	if m.keeper, err = connectKeeper(ctx, m.at.Admin, m.r.Application); err != nil {
		return err
	}
	if err := RequireDirect(ctx, m.keeper); err != nil {
		return err
	}
	if m.server, err = Describe(ctx, m.keeper); err != nil {
		return err
	}
	name := m.databaseName()
	m.clone = &Clone{
		Target: m.at.As.WithDatabase(name), Name: name, Place: m.at.Place,
		ServerVersionNum: m.server.VersionNum, server: m.at, keeper: m.keeper,
	}
	return m.refuse(ctx)
}

// databaseName is that of the scratch database. A server of our own has room for
// the source's name, which a migration may know: ALTER DATABASE clipper_db SET …
func (m *making) databaseName() string {
	switch name := m.r.Source.Database; {
	case !m.at.Own, name == "postgres", strings.HasPrefix(name, "template"):
		return ScratchName(m.r.Run)
	default:
		return name
	}
}

// prune clears away what killed runs left. That it cannot is no reason to stop.
func (m *making) prune(ctx context.Context) {
	if m.at.Own {
		return
	}
	limited, cancel := context.WithTimeout(ctx, scratchPruneTimeout)
	defer cancel()
	// Not on the keeper: when the time runs out, the connection may be lost.
	dropped, _, _ := PruneScratch(limited, m.at.Admin, m.r.Application, PruneUnused)
	for _, s := range dropped {
		m.r.Note("dropped " + s.Name + ", which a run of " + s.Created.Format("2006-01-02 15:04 UTC") + " left behind")
	}
}

// create makes the empty scratch database, locked before it is there.
func (m *making) create(ctx context.Context) error {
	name := m.clone.Name
	got, err := lockScratch(ctx, m.keeper, name)
	if err != nil {
		return err
	}
	found, _, err := FindDatabase(ctx, m.keeper, name)
	if err != nil {
		return err
	}
	if !got || found {
		return &ops.Failure{
			Code: ops.ExitBusy, What: "the scratch database " + name + " is there already",
			State: []string{"nothing was touched"}, Next: []string{"clipperops scratch list   shows who made it"},
		}
	}
	sql := m.source.locale.CreateDatabase(name, m.server.Major())
	if m.owner() != m.server.User {
		sql += " OWNER " + pgx.Identifier{m.owner()}.Sanitize()
	}
	if m.at.Tablespaces && m.source.tablespace != "pg_default" {
		sql += " TABLESPACE " + pgx.Identifier{m.source.tablespace}.Sanitize()
	}
	m.created = true // a cancelled CREATE DATABASE may have come through
	if _, err := m.keeper.Exec(ctx, sql); err != nil {
		return &createError{Cause(ctx, err)}
	}
	comment := scratchComment + ", run " + m.r.Run + ", since " + time.Now().UTC().Format(time.RFC3339) + ", for " + m.r.Source.Database
	if err := CommentDatabase(ctx, m.keeper, name, comment); err != nil {
		return err
	}
	return m.prepare(ctx)
}

// createError is a scratch database that could not be created.
type createError struct{ cause error }

func (e *createError) Error() string { return "creating the scratch database: " + e.cause.Error() }
func (e *createError) Unwrap() error { return e.cause }

// prepare gives the empty database the access list of its source, and settings
// that make it cheap: it is not needed after a crash, and a statement of a killed
// clipperops is to end.
func (m *making) prepare(ctx context.Context) error {
	name := pgx.Identifier{m.clone.Name}.Sanitize()
	statements := []string{"ALTER DATABASE " + name + " SET synchronous_commit = off"}
	if m.server.Major() >= 14 {
		statements = append(statements, "ALTER DATABASE "+name+" SET client_connection_check_interval = '2s'")
	}
	statements = append(statements, m.grantStatements(name)...)
	for _, sql := range statements {
		if _, err := m.keeper.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", strings.ReplaceAll(sql, name, m.clone.Name), Cause(ctx, err))
		}
	}
	return nil
}

func (m *making) grantStatements(name string) []string {
	if len(m.source.grants) == 0 { // nothing was ever granted: the server's defaults are in force
		return nil
	}
	statements := []string{"REVOKE ALL ON DATABASE " + name + " FROM PUBLIC, " + pgx.Identifier{m.owner()}.Sanitize()}
	for _, g := range m.source.grants {
		to := "PUBLIC"
		if g.Grantee == m.source.owner {
			g.Grantee = m.owner()
		}
		if g.Grantee != "" {
			to = pgx.Identifier{g.Grantee}.Sanitize()
		}
		sql := "GRANT " + g.Privilege + " ON DATABASE " + name + " TO " + to
		if g.Grantable && g.Grantee != m.owner() {
			sql += " WITH GRANT OPTION"
		}
		statements = append(statements, sql)
	}
	return statements
}

// owner is whom the scratch database is to belong to: the source's owner, where
// our role may hand it over.
func (m *making) owner() string {
	if m.mayOwn {
		return m.source.owner
	}
	return m.server.User
}

// fill loads what the source has.
func (m *making) fill(ctx context.Context) error {
	into := m.at.Admin.WithDatabase(m.clone.Name)
	if m.r.Fill != nil {
		if err := m.r.Fill(ctx, into, m.at.Programs); err != nil {
			return err
		}
	} else {
		if err := m.copySchema(ctx, into); err != nil {
			return err
		}
		if err := m.copyRows(ctx, into); err != nil {
			return err
		}
	}
	if err := m.finish(ctx, into); err != nil {
		return err
	}
	return m.copySettings(ctx)
}

// undo takes away what a clone that could not be made has left.
func (m *making) undo(ctx context.Context) error {
	if m.clone == nil {
		m.clone = &Clone{server: m.at, keeper: m.keeper}
	}
	if !m.created {
		m.clone.Name = ""
	}
	return m.clone.Drop(ctx)
}
