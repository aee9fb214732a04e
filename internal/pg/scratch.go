package pg

import (
	"context"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/oklog/ulid/v2"

	"github.com/clipper/clipperops/internal/config"
)

const (
	// scratchPrefix begins the name of every scratch database; a ULID ends it.
	scratchPrefix = "clipperops_scratch_"
	// scratchComment begins the comment that marks one as ours.
	scratchComment = "scratch database of clipperops"
)

// scratchName is what a scratch database is called, and nothing else is: a ULID
// has no i, l, o and u.
var scratchName = regexp.MustCompile(`^` + scratchPrefix + `[0-9a-hjkmnp-tv-z]{26}$`)

// ScratchName is the name of a run's scratch database.
func ScratchName(run string) string { return scratchPrefix + strings.ToLower(run) }

// scratchLockID is the advisory lock of whoever needs the scratch database. It is
// held in some other database of the server: pg_locks shows those of all.
func scratchLockID(name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return int64(h.Sum64())
}

// Scratch is a scratch database that is there.
type Scratch struct {
	Name string `json:"name"`
	// Run is the ULID it was made for; Created is when that was.
	Run     string    `json:"run"`
	Created time.Time `json:"created,omitzero"`
	Owner   string    `json:"owner"`
	// Bytes is its size on disk; -1 when the role may not know.
	Bytes int64 `json:"bytes"`
	// Holder is who holds its lock now, empty when nobody does.
	Holder string `json:"holder,omitempty"`
	// Sessions are the clients connected to it.
	Sessions int `json:"sessions"`
	// Ours says that it is a database that clipperops made.
	Ours bool `json:"ours"`
	// Orphaned says that nobody is in it but our role's sessions of a run that was
	// killed: the server still runs what that run sent last.
	Orphaned bool `json:"orphaned,omitempty"`
	// Why says why it is kept; empty when it can go.
	Why string `json:"why,omitempty"`
	// Fix is the SQL that takes away what keeps it, where there is such a thing.
	Fix string `json:"fix,omitempty"`
	// Ended are the sessions that were ended before it was dropped.
	Ended []string `json:"ended,omitempty"`

	oid     uint32
	comment string
	mayDrop bool
	mine    bool
	clients []Holder
}

// scratchSQL lists whatever is named like a scratch database. One that somebody drops
// meanwhile has neither privileges nor a size: both are NULL.
const scratchSQL = `
SELECT d.oid, d.datname::text, pg_catalog.pg_get_userbyid(d.datdba)::text, coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), ''),
       pg_catalog.pg_has_role(d.datdba, 'USAGE'), pg_catalog.pg_get_userbyid(d.datdba) = current_user,
       coalesce(CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN pg_catalog.pg_database_size(d.oid) END, -1)
  FROM pg_catalog.pg_database d WHERE starts_with(d.datname::text, $1) ORDER BY d.datname`

// ListScratch lists every database of the server that is named like a scratch
// database, whoever made it. server names any database of it.
func ListScratch(ctx context.Context, server config.Target, application string) ([]Scratch, error) {
	conn, err := connectKeeper(ctx, server, application)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(ctx, conn)
	return listScratch(ctx, conn, server, application)
}

// connectKeeper connects to a database that scratch databases are made and
// dropped from. Not template1: nobody could make a database meanwhile.
func connectKeeper(ctx context.Context, server config.Target, application string) (*pgx.Conn, error) {
	return ConnectAny(ctx, server, ConnOptions{Application: application, LockTimeout: scratchLockTimeout}, "postgres", server.Database)
}

// scratchLockTimeout bounds waiting for a lock of the server's catalogs.
const scratchLockTimeout = 10 * time.Second

func listScratch(ctx context.Context, conn *pgx.Conn, server config.Target, application string) ([]Scratch, error) {
	rows, err := conn.Query(ctx, scratchSQL, scratchPrefix)
	if err != nil {
		return nil, fmt.Errorf("listing the scratch databases: %w", Cause(ctx, err))
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Scratch, error) {
		var s Scratch
		err := row.Scan(&s.oid, &s.Name, &s.Owner, &s.comment, &s.mayDrop, &s.mine, &s.Bytes)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the scratch databases: %w", Cause(ctx, err))
	}
	for i := range all {
		if err := all[i].judge(ctx, conn, server, application); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// judge finds out whose it is and whether it can go.
func (s *Scratch) judge(ctx context.Context, conn *pgx.Conn, server config.Target, application string) error {
	if !scratchName.MatchString(s.Name) {
		s.Why = "clipperops gives no such name"
		return nil
	}
	s.Run = strings.ToUpper(strings.TrimPrefix(s.Name, scratchPrefix))
	if id, err := ulid.ParseStrict(s.Run); err == nil {
		s.Created = id.Timestamp().UTC()
	}
	holders, err := lockHolders(ctx, conn, s.Name)
	if err != nil {
		return err
	}
	if len(holders) > 0 {
		s.Holder = holders[0].who()
	}
	if s.clients, err = clientsOf(ctx, conn, s.Name); err != nil {
		return err
	}
	s.Sessions = len(s.clients)
	s.Ours = s.Holder != "" || strings.HasPrefix(s.comment, scratchComment)
	switch {
	case s.Holder != "":
		s.Why = "in use by " + s.Holder
	case !s.Ours:
		return s.judgeUnmarked(ctx, conn, server, application)
	case s.Sessions > 0:
		return s.judgeClients(ctx, conn)
	case !s.mayDrop:
		s.Why = "it belongs to " + s.Owner + ", and this role may not drop it"
	}
	return nil
}

// judgeUnmarked finds out about one without our comment: a run that was killed between
// making it and marking it may have left it. Then it is empty.
func (s *Scratch) judgeUnmarked(ctx context.Context, conn *pgx.Conn, server config.Target, application string) error {
	switch {
	case s.comment != "":
		s.Why = "its comment is not clipperops'"
		return nil
	case !s.mine:
		s.Why = "it does not have clipperops' comment, and it belongs to " + s.Owner
		return nil
	case s.Sessions > 0:
		s.Why = "it does not have clipperops' comment, and it is in use: " + s.clients[0].inline()
		return nil
	}
	bare, err := BareDatabase(ctx, conn, server, s.Name, application)
	switch s.Ours = bare; {
	case err != nil:
		s.Ours, s.Why = false, "it cannot be looked into: "+err.Error()
	case !bare:
		s.Why = "it does not have clipperops' comment, and it is not empty"
	}
	return ctx.Err()
}

// lockHolders are the sessions that hold the lock of a scratch database, in
// whatever database they sit.
func lockHolders(ctx context.Context, conn *pgx.Conn, name string) ([]Holder, error) {
	rows, err := conn.Query(ctx, `
		SELECT l.pid, coalesce(a.usename::text, ''), coalesce(a.application_name, '')
		  FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
		 WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND (l.classid::int8 << 32) | l.objid::int8 = $1
		   AND l.pid <> pg_catalog.pg_backend_pid()`, scratchLockID(name))
	if err != nil {
		return nil, fmt.Errorf("asking who needs %s: %w", name, Cause(ctx, err))
	}
	holders, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Holder, error) {
		var h Holder
		err := row.Scan(&h.PID, &h.User, &h.Application)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("asking who needs %s: %w", name, Cause(ctx, err))
	}
	return holders, nil
}

// who is the holder in a few words.
func (h Holder) who() string {
	name := h.Application
	if name == "" {
		name = h.User
	}
	return strings.TrimSpace(fmt.Sprintf("%s (pid %d)", name, h.PID))
}

// lockScratch takes the lock of a scratch database on conn, and says whether it got it.
func lockScratch(ctx context.Context, conn *pgx.Conn, name string) (bool, error) {
	var got bool
	err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", scratchLockID(name)).Scan(&got)
	return got, Cause(ctx, err)
}
