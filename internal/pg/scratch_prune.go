package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
)

// PruneWhat says which scratch databases are pruned.
type PruneWhat int

const (
	// PruneUnused are those that nobody is in.
	PruneUnused PruneWhat = iota
	// PruneOrphaned are also those in which only what killed runs began still runs.
	PruneOrphaned
)

// PruneScratch drops the scratch databases that killed runs left on the server,
// and nothing else: each has the name and the comment clipperops gives (or is
// empty), nobody holds its lock, nobody is connected to it, and our role may
// drop it. Several may prune at once. With PruneOrphaned what killed runs still have
// running there is ended, too.
func PruneScratch(ctx context.Context, server config.Target, application string, what PruneWhat) (dropped, kept []Scratch, err error) {
	conn, err := connectKeeper(ctx, server, application)
	if err != nil {
		return nil, nil, err
	}
	defer closeQuietly(ctx, conn)
	all, err := listScratch(ctx, conn, server, application)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range all {
		if s.Why != "" && (what != PruneOrphaned || !s.Orphaned) {
			kept = append(kept, s)
			continue
		}
		s.Why, s.Fix = "", ""
		gone, err := s.dropUnneeded(ctx, conn)
		switch {
		case ctx.Err() != nil:
			return dropped, kept, ctx.Err()
		case err != nil:
			s.Why = err.Error()
			kept = append(kept, s)
		case gone:
			dropped = append(dropped, s)
		}
	}
	return dropped, kept, nil
}

// dropUnneeded drops it without force, so that whoever came into it since makes
// the server refuse. It is false when another prune was faster.
func (s *Scratch) dropUnneeded(ctx context.Context, conn *pgx.Conn) (bool, error) {
	got, err := lockScratch(ctx, conn, s.Name)
	if err != nil || !got {
		return false, err
	}
	defer func() { // or the connection's end does it
		_, _ = conn.Exec(context.WithoutCancel(ctx), "SELECT pg_catalog.pg_advisory_unlock($1)", scratchLockID(s.Name))
	}()
	// A lock taken in one database keeps nobody out who takes it in another.
	holders, err := lockHolders(ctx, conn, s.Name)
	if err != nil || len(holders) > 0 {
		return false, err
	}
	var same bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_database d WHERE d.oid = $1 AND d.datname = $2
		AND coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '') = $3)`, s.oid, s.Name, s.comment).Scan(&same)
	if err != nil || !same {
		return false, Cause(ctx, err)
	}
	if err := s.endOrphans(ctx, conn); err != nil {
		return false, err
	}
	_, err = conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{s.Name}.Sanitize())
	switch {
	case err == nil:
		return true, nil
	case sqlState(err) == "3D000":
		return false, nil
	}
	return false, fmt.Errorf("it could not be dropped: %w", Cause(ctx, &unnamed{s.Name, err}))
}
