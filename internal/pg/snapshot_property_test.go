package pg_test

import (
	"flag"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

var propertyRounds = flag.Int("property-rounds", 6, "rounds of random DDL compared with pg_dump")

// The property: two states of a schema have equal snapshots exactly when pg_dump writes the same
// text for both.
func TestSnapshotsAreEqualExactlyWhenTheDumpsAre(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, propertyWorld)
	conn := pgtest.Connect(t, target)
	server, err := pg.Describe(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	programs, err := pg.FindPrograms(t.Context(), pg.ProgramOptions{ServerMajor: server.Major()})
	if err != nil {
		t.Fatal(err)
	}
	look := func() (*pg.Snapshot, string) {
		return takeSnapshot(t, conn, pg.SnapshotOptions{}), dumpSchema(t, programs.Dump, target)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	before, dumpBefore := look()
	for range *propertyRounds {
		chosen := applySome(t, conn, random)
		after, dumpAfter := look()
		agree(t, chosen, before, after, dumpBefore, dumpAfter)
		for i := len(chosen) - 1; i >= 0; i-- {
			execAll(t, conn, chosen[i][1])
		}
		undone, dumpUndone := look()
		agree(t, chosen, before, undone, dumpBefore, dumpUndone)
		before, dumpBefore = undone, dumpUndone
	}
}

// applySome makes up to four changes, leaving out those that what happened before has made impossible.
func applySome(t *testing.T, conn *pgx.Conn, random *rand.Rand) (chosen [][2]string) {
	t.Helper()
	all := slices.Concat(moves, idleMoves)
	for _, i := range random.Perm(len(all))[:1+random.IntN(4)] {
		possible := conn.PgConn().Exec(t.Context(), "BEGIN; "+all[i][0]+"; "+all[i][1]).Close() == nil
		execAll(t, conn, "ROLLBACK")
		if possible {
			execAll(t, conn, all[i][0])
			chosen = append(chosen, all[i])
		}
	}
	return chosen
}

func agree(t *testing.T, chosen [][2]string, before, after *pg.Snapshot, dumpBefore, dumpAfter string) {
	t.Helper()
	changes := pg.Diff(before, after)
	if (len(changes) == 0) != (dumpBefore == dumpAfter) {
		t.Errorf("after %q\nthe diff says %v\nthe dumps say %s", chosen, changes, cmp.Diff(dumpBefore, dumpAfter))
	}
}

// restrictLine is a line of recent dumps with a key that is another every time.
var restrictLine = regexp.MustCompile(`(?m)^\\(un)?restrict .*\n`)

// accessLines are lines whose order tells only who was given access first.
var accessLines = regexp.MustCompile(`(?m)(^(GRANT|REVOKE|ALTER DEFAULT PRIVILEGES) .*\n)+`)

func dumpSchema(t *testing.T, dump pg.Program, target config.Target) string {
	t.Helper()
	command := dump.Command(t.Context(), target, "--schema-only")
	var problems strings.Builder
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, problems.String())
	}
	return accessLines.ReplaceAllStringFunc(restrictLine.ReplaceAllString(string(out), ""), func(lines string) string {
		return strings.Join(slices.Sorted(strings.Lines(lines)), "")
	})
}

// TestSnapshotSeesEveryChange guards against an aspect of the schema that no query asks for: each
// change by itself has to show, and what leaves the schema as it was must not.
func TestSnapshotSeesEveryChange(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	pgtest.Exec(t, target, propertyWorld)
	conn := pgtest.Connect(t, target)
	before := takeSnapshot(t, conn, pg.SnapshotOptions{})
	after := func(move string) []pg.Change {
		execAll(t, conn, "BEGIN; "+move)
		changes := pg.Diff(before, takeSnapshot(t, conn, pg.SnapshotOptions{}))
		execAll(t, conn, "ROLLBACK")
		return changes
	}
	for _, move := range moves {
		changes := after(move[0])
		if len(changes) == 0 {
			t.Errorf("not seen: %s", move[0])
		}
		for _, c := range pg.Flatten(changes) {
			if text := c.String(); strings.Contains(text, "  ") || strings.HasSuffix(text, " ") {
				t.Errorf("%s\n    reads %q", move[0], text)
			}
		}
	}
	for _, move := range idleMoves {
		if changes := after(move[0]); len(changes) > 0 {
			t.Errorf("%s\n    changes %v", move[0], changes)
		}
	}
}
