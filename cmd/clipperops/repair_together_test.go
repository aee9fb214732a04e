package main

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestTwoOperatorsSetTheRow guards against a version row that two write: while one is at
// work the other is told who it is, and changes nothing.
func TestTwoOperatorsSetTheRow(t *testing.T) {
	t.Parallel()
	const repairs, forces = "migrate repair --apply --yes", "migrate force 11 --yes"
	for name, c := range map[string]struct {
		first, second string
		ends          int64
	}{
		"a repair and a force": {repairs, forces, 49},
		"a force and a repair": {forces, repairs, 11},
		"two repairs":          {repairs, repairs, 49},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := marked(t, "49", 49)
			held := pgtest.HoldTable(t, p.target, "schema_migrations", "ACCESS EXCLUSIVE")
			first := p.start(strings.Fields(c.first)...)
			first.awaitBlocked(p, "clipperops%") // it holds the operators' lock by then
			p.wants(ops.ExitBusy, c.second, `pid \d+`, "nothing was (changed|touched)")
			held.Release()
			first.wants(ops.ExitDone)
			p.wantVersion(c.ends)
		})
	}
}

// TestTwoOperatorsAtTheSameMoment: whoever wins, the row is what one of them wrote, and the
// other says that it did not.
func TestTwoOperatorsAtTheSameMoment(t *testing.T) {
	t.Parallel()
	p := marked(t, "49", 49)
	repairs, forces := p.start(strings.Fields("migrate repair --apply --yes")...), p.start(strings.Fields("migrate force 11 --yes")...)
	text := map[string]string{}
	codes := map[string]int{}
	for name, r := range map[string]*running{"repair": repairs, "force": forces} {
		_ = r.cmd.Wait() // its exit code is what is looked at
		text[name], codes[name] = r.out.String()+r.err.String(), r.cmd.ProcessState.ExitCode()
	}
	switch {
	case codes["repair"] == int(ops.ExitDone) && codes["force"] == int(ops.ExitBusy):
		p.wantVersion(49)
	case codes["force"] == int(ops.ExitDone) && (codes["repair"] == int(ops.ExitBusy) || strings.Contains(unwrapped(text["repair"]), "nothing to repair")):
		p.wantVersion(11)
	case codes["force"] == int(ops.ExitDone) && strings.Contains(text["repair"], "Repaired"): // one after the other
		p.wantVersion(11)
	default:
		t.Errorf("exit codes %v\n%s\n%s", codes, text["repair"], text["force"])
	}
}

// TestAForeignDatabaseGetsNoVersion guards against a row that says what another product's
// database is at.
func TestAForeignDatabaseGetsNoVersion(t *testing.T) {
	t.Parallel()
	p := newProgram(t, pgtest.New(t, pgtest.AsRole()))
	pgtest.Exec(t, p.target, `CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE items (id int, part_of int REFERENCES orders);
		CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (11, true)`)
	says := []string{
		"this database is not one that these files made", `of what the files of the embedded set make before 000011, 0 of \d+ tables, columns and functions stand`,
		"see whether this is the database you mean: clipperops config show", "--path DIR", "migrate force VERSION",
	}
	p.wants(ops.ExitInconclusive, "migrate repair", says...)
	p.wants(ops.ExitRefused, "migrate repair --apply --yes", append(says, "nothing was changed")...)
	if p.versionRows() != "11 true" {
		t.Errorf("rows %s", p.versionRows())
	}
}

// TestQuietPrintsTheSQL: it is what the command was called for, and its fix points to it.
func TestQuietPrintsTheSQL(t *testing.T) {
	t.Parallel()
	p := marked(t, "49", 49)
	pgtest.Exec(t, p.target, "DROP TABLE moderation_decisions")
	p.wants(ops.ExitChecks, "migrate repair --quiet", "000049 was applied in part", "with the SQL", "SQL that leads to version 49", "CREATE TABLE moderation_decisions", "SQL that leads to version 11", "DROP TABLE IF EXISTS moderation_queue")
}
