package rehearsal

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// trapRow is a row of the table in docs/rehearsal.md.
func trapRow(t trap) string {
	short := map[LockMode]string{NoLock: "", AccessExclusive: "AE", ShareRowExclusive: "SRE", Share: "SHARE", RowExclusive: "ROW EXCLUSIVE"}
	var parts []string
	if lock := short[t.lock]; lock != "" {
		if t.on != "" {
			lock += " on " + t.on
		}
		parts = append(parts, lock)
	}
	switch {
	case t.rewrites:
		parts = append(parts, "rewrite")
	case t.scans:
		parts = append(parts, "reads the table")
	}
	if t.note != "" {
		parts = append(parts, t.note)
	}
	return fmt.Sprintf("| %s | %s | %s |", t.name, strings.Join(parts, "; "), t.instead)
}

// TestThePageHasTheTraps guards against a page that says something else than the code.
func TestThePageHasTheTraps(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/rehearsal.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| statement | lock | safe form |\n|---|---|---|\n")
	if !found {
		t.Fatal("docs/rehearsal.md has no table of statements")
	}
	var want strings.Builder
	for _, trap := range traps {
		want.WriteString(trapRow(trap) + "\n")
	}
	if table != want.String() {
		t.Errorf("the table of docs/rehearsal.md is to be:\n%s", want.String())
	}
}

// TestThePageHasEveryFinding: an id in a report leads to its meaning.
func TestThePageHasEveryFinding(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/rehearsal.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range titles {
		want := "\n| `" + one.id + "` |"
		if strings.HasSuffix(one.id, ".") {
			want = "\n| `" + one.id + "<"
		}
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/rehearsal.md does not tell of %s", one.id)
		}
	}
}
