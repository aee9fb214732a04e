package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/migrate/repair"
)

// broken is a database that golang-migrate's own command was killed or failed on.
type broken struct {
	*program
	dir string
}

// thirdUp and thirdDown are the files most of the points are in.
const (
	thirdUp = "CREATE TABLE reviews (id int PRIMARY KEY, item int REFERENCES items (id));\nCREATE INDEX reviews_item ON reviews (item);\n" +
		"ALTER TABLE items ADD COLUMN stars int;\n"
	thirdDown = "ALTER TABLE items DROP COLUMN stars;\nDROP TABLE reviews;\n"
)

// newBroken is a database of two applied files, the third of which is up and down.
func newBroken(t *testing.T, up, down string) *broken {
	t.Helper()
	b := &broken{program: newProgram(t, pgtest.New(t, pgtest.AsRole()))}
	b.dir = b.path("chain")
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"000010_base.up.sql": "CREATE TABLE users (id int PRIMARY KEY, name text);\nCREATE TABLE items (id int PRIMARY KEY);\n", "000010_base.down.sql": "DROP TABLE items;\nDROP TABLE users;\n",
		"000011_orders.up.sql": "CREATE TABLE orders (id int PRIMARY KEY, by_user int REFERENCES users (id));\n", "000011_orders.down.sql": "DROP TABLE orders;\n",
		"000048_third.up.sql": up, "000048_third.down.sql": down,
	} {
		b.write(filepath.Join(b.dir, name), body)
	}
	b.tool("up", "2").wants(ops.ExitDone)
	return b
}

// tool starts golang-migrate's command on the database.
func (b *broken) tool(args ...string) *running { return b.toolWith("", args...) }

func (b *broken) toolWith(parameter string, args ...string) *running {
	b.t.Helper()
	program, err := goMigrate()
	if err != nil {
		b.t.Fatal(err)
	}
	url := strings.Replace(b.target.URL().Reveal(), "postgres://", "pgx5://", 1)
	if parameter != "" {
		separator := "?"
		if strings.Contains(url, "?") {
			separator = "&"
		}
		url += separator + parameter
	}
	return b.begin(exec.Command(program, append([]string{"-database", url, "-path", b.dir}, args...)...))
}

// waits waits until a session of the tool waits for a lock, and returns its pid.
func (b *broken) waits() (pid int32) {
	b.t.Helper()
	pgtest.Eventually(b.t, func() bool {
		pids := pgtest.QueryColumn[int32](b.t, b.target, `SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = '' AND wait_event_type = 'Lock'`)
		if len(pids) == 1 {
			pid = pids[0]
		}
		return len(pids) == 1
	}, "golang-migrate waits for a lock")
	return pid
}

// gone waits until the session has ended.
func (b *broken) gone(pid int32) {
	b.t.Helper()
	pgtest.Eventually(b.t, func() bool {
		return !pgtest.QueryValue[bool](b.t, b.target, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid)
	}, "the session ends")
}

func (b *broken) kill(r *running) {
	b.t.Helper()
	r.signal(syscall.SIGKILL)
	_ = r.cmd.Wait() // it was killed
}

func (b *broken) end(pid int32) {
	b.t.Helper()
	pgtest.Exec(b.t, b.target, "SELECT pg_terminate_backend($1)", pid)
	b.gone(pid)
}

// upFails and downFails run the tool into an error of the server.
func upFails(b *broken)   { b.tool("up").wants(ops.ExitFailed) }
func downFails(b *broken) { b.tool("down", "1").wants(ops.ExitFailed) }

// killedAtTheRow kills the tool when the file is done and the row is not yet clean.
func killedAtTheRow(b *broken, args ...string) {
	first := pgtest.HoldTable(b.t, b.target, "items", "ACCESS SHARE")
	r := b.tool(args...)
	b.waits()
	row := pgtest.HoldTable(b.t, b.target, "schema_migrations", "ACCESS SHARE") // TRUNCATE waits for it
	first.Release()
	pgtest.Eventually(b.t, func() bool {
		return pgtest.QueryValue[bool](b.t, b.target, `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
			WHERE c.relname = 'schema_migrations' AND NOT l.granted)`)
	}, "golang-migrate waits for its own table")
	pid := b.waits()
	b.kill(r)
	row.Release()
	b.gone(pid)
}

// stopPoint is a place at which golang-migrate's command was stopped.
type stopPoint struct {
	up, down string
	stop     func(*broken)
	verdict  repair.Verdict
	version  int64 // with a verdict that settles it
	says     []string
	// mended is the up file as it can be run, "" when it is right as it is.
	mended string
}

var stopPoints = map[string]stopPoint{
	"failed in the first statement": {
		up: "ALTER TABLE nosuch ADD COLUMN n int;\n" + thirdUp, down: thirdDown, stop: upFails,
		verdict: repair.Nothing, version: 11, mended: thirdUp, says: []string{"nothing of 000048 was applied: version 11, clean", "nosuch"},
	},
	"failed in the last statement": {
		up: thirdUp + "CREATE VIEW v AS SELECT nosuch FROM items;\n", down: thirdDown, stop: upFails,
		verdict: repair.Nothing, version: 11, mended: thirdUp, says: []string{"nothing of 000048 was applied"},
	},
	"failed on a row": {
		up: thirdUp + "ALTER TABLE users ADD CHECK (id > 1);\n", down: thirdDown,
		stop: func(b *broken) {
			pgtest.Exec(b.t, b.target, "INSERT INTO users VALUES (1)")
			upFails(b)
		},
		verdict: repair.Nothing, version: 11, mended: thirdUp,
	},
	"killed before it marked the row": {
		up: thirdUp, down: thirdDown,
		stop: func(b *broken) {
			row := pgtest.HoldTable(b.t, b.target, "schema_migrations", "ACCESS SHARE")
			r := b.tool("up")
			pid := b.waits()
			b.kill(r)
			row.Release()
			b.gone(pid)
		},
		says: []string{"There is nothing to repair: the database is at version 11, clean"},
	},
	"killed in the file, which the server finished": {
		up: thirdUp, down: thirdDown,
		stop: func(b *broken) {
			held := pgtest.HoldTable(b.t, b.target, "items", "ACCESS SHARE")
			r := b.tool("up")
			pid := b.waits()
			b.kill(r)
			held.Release()
			b.gone(pid)
		},
		verdict: repair.All, version: 48, says: []string{"all of 000048 was applied: version 48, clean"},
	},
	"killed in the file, and its session ended": {
		up: thirdUp, down: thirdDown,
		stop: func(b *broken) {
			held := pgtest.HoldTable(b.t, b.target, "items", "ACCESS SHARE")
			r := b.tool("up")
			pid := b.waits()
			b.kill(r)
			b.end(pid)
			held.Release()
		},
		verdict: repair.Nothing, version: 11,
	},
	"killed between the file and the row": {
		up: thirdUp, down: thirdDown, stop: func(b *broken) { killedAtTheRow(b, "up") },
		verdict: repair.All, version: 48,
	},
	"failed on the way down": {
		up: thirdUp, down: thirdDown + "DROP TABLE nosuch;\n",
		stop: func(b *broken) {
			b.tool("up").wants(ops.ExitDone)
			downFails(b)
		},
		verdict: repair.Nothing, version: 48, says: []string{"nothing of 000048 was undone: version 48, clean"},
	},
	"killed on the way down, before the row": {
		up: thirdUp, down: thirdDown,
		stop: func(b *broken) {
			b.tool("up").wants(ops.ExitDone)
			killedAtTheRow(b, "down", "1")
		},
		verdict: repair.All, version: 11, says: []string{"all of 000011 was applied: version 11, clean"},
	},
	"failed behind a COMMIT of its own": {
		up: "BEGIN;\n" + thirdUp + "COMMIT;\nCREATE VIEW starred AS SELECT id, stars FROM items;\nALTER TABLE users ADD CONSTRAINT grown CHECK (id > 1);\n",
		stop: func(b *broken) {
			pgtest.Exec(b.t, b.target, "INSERT INTO users VALUES (1)")
			upFails(b)
			pgtest.Exec(b.t, b.target, "DELETE FROM users")
		},
		down:    "ALTER TABLE users DROP CONSTRAINT grown;\nDROP VIEW starred;\n" + thirdDown,
		verdict: repair.Partly, says: []string{"000048 was applied in part", `\+ view starred`, `\+ table reviews`, "CREATE VIEW starred"},
	},
	"failed behind a COMMIT on the way down": {
		up: thirdUp, down: "ALTER TABLE items DROP COLUMN stars;\nCOMMIT;\nDROP TABLE reviews;\n",
		stop: func(b *broken) {
			b.tool("up").wants(ops.ExitDone)
			pgtest.Exec(b.t, b.target, "CREATE VIEW leaning AS SELECT id FROM reviews")
			downFails(b)
			pgtest.Exec(b.t, b.target, "DROP VIEW leaning")
		},
		verdict: repair.Partly, says: []string{"000048 was undone in part", `\+ column items.stars`, "DROP TABLE reviews;"},
	},
	"failed building an index": {
		up: "CREATE UNIQUE INDEX CONCURRENTLY users_name ON users (name);\n", down: "DROP INDEX CONCURRENTLY users_name;\n",
		stop: func(b *broken) {
			pgtest.Exec(b.t, b.target, "INSERT INTO users VALUES (1, 'a'), (2, 'a')")
			upFails(b)
			pgtest.Exec(b.t, b.target, "DELETE FROM users")
		},
		verdict: repair.Partly, says: []string{"users_name is INVALID", "DROP INDEX CONCURRENTLY public.users_name;", "CREATE UNIQUE INDEX CONCURRENTLY users_name"},
	},
	"killed building an index": {
		up: "CREATE INDEX CONCURRENTLY users_name ON users (name);\n", down: "DROP INDEX CONCURRENTLY users_name;\n",
		stop: func(b *broken) {
			held := pgtest.HoldTable(b.t, b.target, "users", "ROW EXCLUSIVE")
			r := b.tool("up")
			pid := b.waits()
			b.kill(r)
			b.end(pid)
			held.Release()
		},
		verdict: repair.Partly, says: []string{"users_name is INVALID"},
	},
	"failed in the middle, statement by statement": {
		up: thirdUp + "ALTER TABLE users ADD CONSTRAINT grown CHECK (id > 1);\nCREATE VIEW starred AS SELECT id, stars FROM items;\n",
		stop: func(b *broken) {
			pgtest.Exec(b.t, b.target, "INSERT INTO users VALUES (1)")
			b.toolWith("x-multi-statement=true", "up").wants(ops.ExitFailed)
			pgtest.Exec(b.t, b.target, "DELETE FROM users")
		},
		down:    "DROP VIEW starred;\nALTER TABLE users DROP CONSTRAINT grown;\n" + thirdDown,
		verdict: repair.Partly, says: []string{"CONSTRAINT grown", `\+ column items.stars`},
	},
}

// TestRepairAfterGolangMigrate stops golang-migrate's own command at each point: what is
// said is true, and what is advised leads to a database that can be migrated again.
func TestRepairAfterGolangMigrate(t *testing.T) {
	t.Parallel()
	for name, c := range stopPoints {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroken(t, c.up, c.down)
			c.stop(b)
			path := " --path " + b.dir
			switch c.verdict {
			case "":
				b.wants(ops.ExitDone, "migrate repair"+path, c.says...)
				b.wants(ops.ExitDone, "migrate repair --apply"+path, c.says...)
			case repair.Partly:
				b.wants(ops.ExitRefused, "migrate repair --apply"+path, "nothing was changed")
				b.finish(path, c.says)
			default:
				b.wants(ops.ExitDone, "migrate repair"+path, append(c.says, "Nothing was changed", "migrate repair --apply")...)
				b.wants(ops.ExitDone, "migrate repair --apply"+path, fmt.Sprintf("Repaired: the database is at version %d, clean", c.version))
				b.wantVersion(c.version)
			}
			if c.mended != "" {
				b.write(filepath.Join(b.dir, "000048_third.up.sql"), c.mended)
			}
			// Whole again for the tool that broke it, and for us.
			b.write(filepath.Join(b.dir, "000049_next.up.sql"), "CREATE TABLE next (n int);\n")
			b.write(filepath.Join(b.dir, "000049_next.down.sql"), "DROP TABLE next;\n")
			b.tool("up").wants(ops.ExitDone)
			b.wantVersion(49)
			b.wants(ops.ExitDone, "migrate repair"+path, "There is nothing to repair: the database is at version 49, clean")
		})
	}
}

// finish runs the SQL that leads to the end of the file that was under way, as it was
// offered, and repairs.
func (b *broken) finish(path string, says []string) {
	b.t.Helper()
	b.wants(ops.ExitChecks, "migrate repair"+path, says...)
	d := b.wantsDocument(ops.ExitChecks, "migrate repair"+path)
	var found repair.Finding
	if err := json.Unmarshal(d.Data, &found); err != nil {
		b.t.Fatal(err)
	}
	script := found.Upward
	if found.Direction == "down" {
		script = found.Downward
	}
	if script == nil || !script.Tried {
		b.t.Fatalf("no SQL that was tried: %s", d.Data)
	}
	statements := []string{script.SQL}
	if strings.Contains(script.SQL, "CONCURRENTLY") { // psql sends one after the other
		statements = strings.SplitAfter(strings.TrimSuffix(script.SQL, "\n"), ";\n")
	}
	for _, statement := range statements {
		pgtest.Exec(b.t, b.target, statement)
	}
	b.wants(ops.ExitDone, "migrate repair --apply"+path, fmt.Sprintf("Repaired: the database is at version %d, clean", script.Version))
	b.wantVersion(script.Version)
}
