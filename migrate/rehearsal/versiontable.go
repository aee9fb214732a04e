package rehearsal

import (
	"context"
	"slices"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
	"github.com/jackc/pgx/v5"
)

// versionTable is the engine's own table, which it makes where it is missing. No file
// made it, and so none has to take it away.
type versionTable struct {
	// schema is the one it is in, key its name in a snapshot.
	schema string
	key    pg.Key
	// missing says that the clone did not have it at the beginning.
	missing bool
}

func readVersionTable(ctx context.Context, conn *pgx.Conn) (versionTable, error) {
	state, err := migrate.ReadState(ctx, conn)
	if err != nil {
		return versionTable{}, err
	}
	t := versionTable{schema: state.Schema, key: pg.Key{Kind: pg.KindTable}, missing: !state.Table}
	// Quoted as the snapshot's queries do it.
	err = conn.QueryRow(ctx, "SELECT pg_catalog.format('%I.%I', $1::text, $2::text)", state.Schema, migrate.VersionTable).Scan(&t.key.Name)
	return t, err
}

// leftOut is the schema without the version table, where the clone did not have one.
func (t versionTable) leftOut(s *pg.Snapshot) *pg.Snapshot {
	if !t.missing {
		return s
	}
	gone := map[pg.Key]bool{t.key: true}
	for more := true; more; { // an index belongs to the table, a comment to the index
		more = false
		for _, o := range s.Objects {
			if gone[o.Of] && !gone[o.Key] {
				gone[o.Key], more = true, true
			}
		}
	}
	without := *s
	without.Objects = slices.DeleteFunc(slices.Clone(s.Objects), func(o pg.Object) bool { return gone[o.Key] })
	return &without
}
