package pg_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// The queries for older servers, and those for the newest, ask only for columns that were there
// then. The server of the tests understands all of them but those of catalogs newer than it.
func TestSnapshotQueriesOfEveryVersionAreUnderstood(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.New(t))
	server, err := pg.Describe(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []int{120000, 130000, 140000, 150000, 160000, 170000, 180000} {
		if version > server.VersionNum && server.Major() < 15 {
			continue
		}
		for _, query := range pg.SnapshotQueries(version) {
			if strings.Contains(query, "{") && !strings.Contains(query, "'{") {
				t.Errorf("%d: a fragment is left in %s", version, query)
			}
			if err := conn.PgConn().Exec(t.Context(), query).Close(); err != nil {
				t.Errorf("%d: %v\n    in: %s", version, err, query)
			}
		}
	}
}
