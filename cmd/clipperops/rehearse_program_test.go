package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/reports"
)

// atTen is a program on a Clipper at version 10 whose role is no superuser.
func atTen(t *testing.T) *program {
	t.Helper()
	return newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
}

// tiny writes a chain behind version 10, name → body, with a release that owns it, and
// returns the flags that choose it.
func (p *program) tiny(files map[string]string) (chosen string) {
	p.t.Helper()
	dir := p.path("tiny")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		p.t.Fatal(err)
	}
	release, target := "", ""
	for _, name := range slices.Sorted(maps.Keys(files)) {
		p.write(filepath.Join(dir, name), files[name])
		if version, rest, _ := strings.Cut(name, "_"); strings.HasSuffix(rest, ".up.sql") {
			target = strings.TrimLeft(version, "0")
			release += "  - {version: " + target + ", name: " + strings.TrimSuffix(rest, ".up.sql") + "}\n"
		}
	}
	p.write(filepath.Join(dir, "000010_base.up.sql"), "SELECT 1;\n")
	p.write(filepath.Join(dir, "000010_base.down.sql"), "SELECT 1;\n")
	p.write(p.path("tiny.yaml"), "name: tiny\ntitle: Tiny\nfloor: 10\ntarget: "+target+"\nmigrations:\n"+release+
		"messages: {proceed: Tiny may proceed., ready: Tiny is ready.}\n")
	return " --path " + dir + " --release " + p.path("tiny.yaml")
}

// rewrite replaces a file of the tiny chain.
func (p *program) rewrite(name, body string) {
	p.t.Helper()
	p.write(p.path("tiny", name), body)
}

// scratch are the scratch databases of the program's role on a server.
func (p *program) scratch() []string { return scratchOn(p.t, p.asSuperuser(), p.target.User) }

func scratchOn(t *testing.T, server config.Target, role string) []string {
	t.Helper()
	return pgtest.QueryColumn[string](t, server, `SELECT datname::text FROM pg_database
		WHERE datname LIKE 'clipperops\_scratch\_%' AND pg_get_userbyid(datdba) = $1 ORDER BY 1`, role)
}

// wantNoScratch checks that no scratch database of the program's role is left.
func (p *program) wantNoScratch() {
	p.t.Helper()
	if left := p.scratch(); len(left) > 0 {
		p.t.Errorf("scratch databases are left: %q", left)
	}
}

// gate is a statement for a file that stands still on a clone, and nowhere else, until it
// is let go. The clone must be on the target's own server.
func (p *program) gate() (statement string, free func()) {
	p.t.Helper()
	const class, object = 7301, 1
	held := pgtest.Hold(p.t, p.target, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d, %d)", class, object))
	return fmt.Sprintf(`DO $gate$ BEGIN
  WHILE current_database() LIKE 'clipperops\_scratch\_%%' AND EXISTS (SELECT FROM pg_locks
      WHERE locktype = 'advisory' AND classid = %d AND objid = %d AND database = (SELECT oid FROM pg_database WHERE datname = '%s')) LOOP
    PERFORM pg_sleep(0.02);
  END LOOP;
END $gate$;
`, class, object, p.target.Database), held.Release
}

// awaitAtGate waits until that many rehearsals of the program's role stand at its gate.
func (p *program) awaitAtGate(n int) {
	p.t.Helper()
	pgtest.Eventually(p.t, func() bool { return p.standing() >= n }, fmt.Sprintf("%d rehearsals at the gate", n))
}

// standing is how many rehearsals of the program's role stand at its gate.
func (p *program) standing() int {
	p.t.Helper()
	return pgtest.QueryValue[int](p.t, p.asSuperuser(), `SELECT count(*)::int FROM pg_stat_activity
		WHERE datname LIKE 'clipperops\_scratch\_%' AND usename = $1 AND wait_event = 'PgSleep'`, p.target.User)
}

// schema is everything that matters in the program's database, the ledger left out.
func (p *program) schema() *pg.Snapshot {
	p.t.Helper()
	s, err := pg.TakeSnapshot(p.t.Context(), pgtest.Connect(p.t, p.target), pg.SnapshotOptions{})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// wantSchema checks that nothing changed since before.
func (p *program) wantSchema(before *pg.Snapshot) {
	p.t.Helper()
	for _, c := range pg.Diff(before, p.schema()) {
		p.t.Errorf("the schema changed: %s", c)
	}
}

// stepOf is the step of that name, which the run must have.
func stepOf(t *testing.T, d reports.RunDocument, name string) reports.StepDocument {
	t.Helper()
	for _, s := range d.Steps {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no step %s in %v", name, stepNames(d))
	return reports.StepDocument{}
}

func stepNames(d reports.RunDocument) []string {
	var names []string
	for _, s := range d.Steps {
		names = append(names, s.Name)
	}
	return names
}

// resultOf is the result of that id, which the step must have exactly once.
func resultOf(t *testing.T, d reports.RunDocument, step, id string) reports.ResultDocument {
	t.Helper()
	var found []reports.ResultDocument
	var ids []string
	for _, r := range stepOf(t, d, step).Results {
		ids = append(ids, r.ID)
		if r.ID == id {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d results %s in step %s, which has %v", len(found), id, step, ids)
	}
	return found[0]
}

// wantResult checks the status of a result, and that its words have each of these.
func wantResult(t *testing.T, d reports.RunDocument, step, id string, status ops.Status, words ...string) {
	t.Helper()
	r := resultOf(t, d, step, id)
	text := r.Summary
	for _, f := range r.Evidence {
		text += "\n" + f.Name + " " + f.Value
	}
	text += "\n" + r.Fix
	if r.Status != status {
		t.Errorf("%s: %s, want %s:\n%s", id, r.Status, status, text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s: no %q in:\n%s", id, w, text)
		}
	}
}

// wantRefused checks that a document is a refusal that has each of these words and says
// that nothing was done.
func wantRefused(t *testing.T, d reports.RunDocument, words ...string) {
	t.Helper()
	wantSaid(t, d, words...)
	if d.Error != nil && !regexp.MustCompile(`nothing (of that file )?was|not touched|only read`).MatchString(strings.Join(d.Error.State, "\n")) {
		t.Errorf("the state is %q", d.Error.State)
	}
}

// wantSaid checks that the error of a document has each of these words.
func wantSaid(t *testing.T, d reports.RunDocument, words ...string) {
	t.Helper()
	wantTold(t, d)
	if d.Error == nil {
		return
	}
	text := strings.Join(slices.Concat([]string{d.Error.What}, d.Error.Detail, d.Error.State, d.Error.Next), "\n")
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

// rehearsedDocument is what a run's data says of the rehearsal, as a reader of the document
// has it.
type rehearsedDocument struct {
	Mode   string        `json:"mode"`
	Place  string        `json:"place"`
	Took   time.Duration `json:"took_ns"`
	Passes []rehearsedPass
}

type rehearsedPass struct {
	Pass      string          `json:"pass"`
	Direction string          `json:"direction"`
	Took      time.Duration   `json:"took_ns"`
	Reached   int64           `json:"reached"`
	Error     string          `json:"error"`
	Files     []rehearsedFile `json:"files"`
}

type rehearsedFile struct {
	Version    uint64               `json:"version"`
	File       string               `json:"file"`
	Took       time.Duration        `json:"took_ns"`
	WAL        int64                `json:"wal_bytes"`
	Grown      int64                `json:"grown_bytes"`
	Statements []rehearsedStatement `json:"statements"`
	Locks      []rehearsedLock      `json:"locks"`
	Changes    []json.RawMessage    `json:"changes"`
}

type rehearsedStatement struct {
	Line  int           `json:"line"`
	Text  string        `json:"text"`
	Took  time.Duration `json:"took_ns"`
	Built []struct {
		Name  string       `json:"name"`
		Table relationName `json:"table"`
	} `json:"built"`
	Rewritten []relationName `json:"rewritten"`
	Rows      []struct {
		Relation relationName `json:"relation"`
		Inserted int64        `json:"inserted"`
		Updated  int64        `json:"updated"`
		Deleted  int64        `json:"deleted"`
	} `json:"rows"`
}

type rehearsedLock struct {
	Relation relationName  `json:"relation"`
	Mode     string        `json:"mode"`
	Held     time.Duration `json:"held_ns"`
}

type relationName struct {
	Name string `json:"name"`
	New  bool   `json:"new"`
}

func rehearsalOf(t *testing.T, d reports.RunDocument) rehearsedDocument {
	t.Helper()
	var data struct {
		Rehearsal *rehearsedDocument `json:"rehearsal"`
	}
	if err := json.Unmarshal(d.Data, &data); err != nil {
		t.Fatal(err)
	}
	if data.Rehearsal == nil {
		t.Fatalf("the data has no rehearsal:\n%s", d.Data)
	}
	return *data.Rehearsal
}

// typed runs a command that was suggested, word by word as a shell reads it.
func (p *program) typed(code ops.ExitCode, command string, patterns ...string) {
	p.t.Helper()
	rest, ours := strings.CutPrefix(command, "clipperops ")
	if !ours {
		p.t.Fatalf("not a command of ours: %q", command)
	}
	p.wants(code, rest, patterns...)
}

// suggested is the command of ours behind those words in what a failure says to do next.
func suggested(t *testing.T, d reports.RunDocument, behind string) string {
	t.Helper()
	lines := d.Next
	if d.Error != nil {
		lines = d.Error.Next
	}
	for _, line := range lines {
		if _, command, found := strings.Cut(line, behind); found {
			return strings.TrimSpace(command)
		}
	}
	t.Fatalf("nothing behind %q in %q", behind, lines)
	return ""
}

// afterwards runs SQL when the test is over and its context is done.
func afterwards(t *testing.T, target config.Target, sql string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pg.Connect(ctx, target, pg.ConnOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx) //nolint:errcheck // what it did is done
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Error(err)
	}
}
