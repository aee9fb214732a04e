package pg_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/oklog/ulid/v2"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

const pruner = "clipperops scratch prune (alice@ops1)"

// holder starts this program as one that holds a clone of source, and waits until
// it says that it has come that far.
func holder(t *testing.T, source config.Target, run, where string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), holdURL+"="+source.URL().Reveal(), holdRun+"="+run, holdWhere+"="+where)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != where {
		t.Fatalf("it says %q: %v", line, err)
	}
	return cmd
}

// ownServer is a server whose scratch databases are nobody else's.
func ownServer(t *testing.T) config.Target {
	t.Helper()
	return pgtest.StartServer(t, nil).Target("postgres")
}

func scratchOf(t *testing.T, server config.Target, name string) (pg.Scratch, bool) {
	t.Helper()
	all, err := pg.ListScratch(t.Context(), server, pruner)
	if err != nil {
		t.Fatal(explainFailure(err))
	}
	for _, s := range all {
		if s.Name == name {
			return s, true
		}
	}
	return pg.Scratch{}, false
}

func prune(t *testing.T, server config.Target) (dropped, kept []string) {
	t.Helper()
	d, k, err := pg.PruneScratch(t.Context(), server, pruner, pg.PruneOrphaned)
	if err != nil {
		t.Fatal(explainFailure(err))
	}
	for _, s := range d {
		dropped = append(dropped, s.Name)
	}
	for _, s := range k {
		kept = append(kept, s.Name)
	}
	return dropped, kept
}

func TestAKilledRunsScratchDatabaseIsDroppedByTheNext(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	pgtest.Exec(t, server, "CREATE TABLE t (n int)")
	for _, where := range []string{"whole", "filling"} {
		run := ulid.Make().String()
		name := pg.ScratchName(run)
		cmd := holder(t, server, run, where)
		if dropped, kept := prune(t, server); len(dropped) > 0 || !slices.Contains(kept, name) {
			t.Errorf("while it runs: dropped %q, kept %q", dropped, kept)
		}
		s, found := scratchOf(t, server, name)
		if !found || !s.Ours || !strings.Contains(s.Holder, "clipperops killed") || s.Run != run || s.Created.IsZero() || s.Bytes <= 0 || s.Owner != server.User {
			t.Errorf("while it runs: %+v", s)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		pgtest.Eventually(t, func() bool {
			s, found := scratchOf(t, server, name)
			return found && s.Holder == "" && s.Why == ""
		}, "the server notices that its client is gone")
		if where == "whole" {
			if dropped, _ := prune(t, server); !slices.Contains(dropped, name) {
				t.Errorf("%s was not dropped: %q", name, dropped)
			}
			continue
		}
		var notes []string
		r := cloneRequest(t, server)
		r.Note = func(s string) { notes = append(notes, s) }
		makeClone(t, pg.SameServer(server), r)
		if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "dropped "+name) }) {
			t.Errorf("the next run says %q", notes)
		}
		if _, found := scratchOf(t, server, name); found {
			t.Error("the next run did not drop it")
		}
	}
}

// Guards against dropping what is not ours.
func TestOnlyOurOwnIsDropped(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	ours := "scratch database of clipperops, run X"
	name := func() string { return pg.ScratchName(ulid.Make().String()) }
	type foreign struct{ name, comment, sql string }
	kept := map[string]foreign{
		"another name":                    {"clipperops_scratch", ours, ""},
		"a longer name":                   {name() + "x", ours, ""},
		"no ULID":                         {"clipperops_scratch_" + strings.Repeat("u", 26), ours, ""},
		"upper case":                      {"clipperops_scratch_" + ulid.Make().String(), ours, ""},
		"a line behind it":                {name() + "\n", ours, ""},
		"another's comment":               {name(), "for the trainees", ""},
		"no comment, and a table":         {name(), "", "CREATE TABLE precious (n int)"},
		"no comment, and a function":      {name(), "", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"},
		"no comment, and a schema":        {name(), "", "CREATE SCHEMA s"},
		"no comment, and a large object":  {name(), "", "SELECT lo_create(0)"},
		"ours, and somebody is connected": {name(), ours, ""},
		"ours, and prepared":              {name(), ours, "CREATE TABLE t (n int); BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'later'"},
	}
	goes := map[string]foreign{
		"ours":           {name(), ours, "CREATE TABLE t (n int)"},
		"no mark so far": {name(), "", ""},
	}
	for what, f := range concat(kept, goes) {
		quoted := pgx.Identifier{f.name}.Sanitize()
		pgtest.Exec(t, server, "CREATE DATABASE "+quoted+" TEMPLATE template0")
		if f.comment != "" {
			pgtest.Exec(t, server, "COMMENT ON DATABASE "+quoted+" IS '"+f.comment+"'")
		}
		if f.sql != "" {
			pgtest.Exec(t, server.WithDatabase(f.name), f.sql)
		}
		if what == "ours, and somebody is connected" {
			pgtest.Connect(t, server.WithDatabase(f.name))
		}
	}
	dropped, _ := prune(t, server)
	left := pgtest.QueryColumn[string](t, server, "SELECT datname FROM pg_database")
	for what, f := range kept {
		if slices.Contains(dropped, f.name) || !slices.Contains(left, f.name) {
			t.Errorf("%s: %q was dropped", what, f.name)
		}
	}
	for what, f := range goes {
		if !slices.Contains(dropped, f.name) || slices.Contains(left, f.name) {
			t.Errorf("%s: %q was not dropped", what, f.name)
		}
	}
	if len(dropped) != len(goes) {
		t.Errorf("dropped %q", dropped)
	}
	pgtest.Exec(t, server.WithDatabase(kept["ours, and prepared"].name), "ROLLBACK PREPARED 'later'")
}

func concat[K comparable, V any](maps ...map[K]V) map[K]V {
	all := map[K]V{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func TestARoleDropsNobodyElsesScratchDatabase(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	pgtest.Exec(t, server, "CREATE ROLE alice LOGIN CREATEDB PASSWORD 'x'; CREATE ROLE bob LOGIN CREATEDB PASSWORD 'x'")
	alice, bob := server, server
	alice.User, alice.Password, bob.User, bob.Password = "alice", "x", "bob", "x"
	mine, hers, bare := pg.ScratchName(ulid.Make().String()), pg.ScratchName(ulid.Make().String()), pg.ScratchName(ulid.Make().String())
	for _, name := range []string{mine, hers} {
		as := bob
		if name == hers {
			as = alice
		}
		pgtest.Exec(t, as, "CREATE DATABASE "+name)
		pgtest.Exec(t, as, "COMMENT ON DATABASE "+name+" IS 'scratch database of clipperops'")
	}
	pgtest.Exec(t, alice, "CREATE DATABASE "+bare)
	dropped, kept := prune(t, bob)
	if !slices.Equal(dropped, []string{mine}) || len(kept) != 2 {
		t.Errorf("dropped %q, kept %q", dropped, kept)
	}
	if s, _ := scratchOf(t, bob, hers); !strings.Contains(s.Why, "may not drop it") || !s.Ours {
		t.Errorf("%+v", s)
	}
}

// Guards against a list that fails because somebody drops one of its databases meanwhile:
// a snapshot that is older than the drop has it still, and the server knows nothing of it.
func TestADatabaseThatGoesWhileItIsListed(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	name := pg.ScratchName(ulid.Make().String())
	pgtest.Exec(t, server, "CREATE DATABASE "+name+" TEMPLATE template0")
	conn := pgtest.Connect(t, server)
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // the test is over
	if _, err := tx.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, server, "DROP DATABASE "+name)
	var found, owner, comment string
	var oid uint32
	var mayDrop, mine bool
	var size int64
	if err := tx.QueryRow(t.Context(), pg.ScratchSQL, name).Scan(&oid, &found, &owner, &comment, &mayDrop, &mine, &size); err != nil || found != name || size != -1 {
		t.Errorf("%s: %q of %d bytes, %v", name, found, size, err)
	}
}

func TestSeveralPruneAtOnce(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	const databases, pruners = 4, 3
	for range databases {
		name := pg.ScratchName(ulid.Make().String())
		pgtest.Exec(t, server, "CREATE DATABASE "+name+" TEMPLATE template0")
		pgtest.Exec(t, server, "COMMENT ON DATABASE "+name+" IS 'scratch database of clipperops'")
	}
	var wg sync.WaitGroup
	counts := make([]int, pruners)
	for i := range pruners {
		wg.Go(func() {
			dropped, kept, err := pg.PruneScratch(t.Context(), server, pruner, pg.PruneOrphaned)
			if err != nil {
				t.Error(explainFailure(err))
			}
			for _, s := range kept {
				if s.Holder == "" {
					t.Errorf("%s is kept: %s", s.Name, s.Why)
				}
			}
			counts[i] = len(dropped)
		})
	}
	wg.Wait()
	if sum := counts[0] + counts[1] + counts[2]; sum != databases {
		t.Errorf("dropped %v of %d", counts, databases)
	}
	if all, err := pg.ListScratch(t.Context(), server, pruner); err != nil || len(all) > 0 {
		t.Errorf("left: %v, %v", all, err)
	}
}
