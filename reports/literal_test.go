package reports

import (
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
)

// TestLiteralEvidenceIsCopiedAsItStands guards against a comment whose statement was set
// on a line of its own, where it is no comment any more, and against strings that were
// indented, respelled or broken.
func TestLiteralEvidenceIsCopiedAsItStands(t *testing.T) {
	t.Parallel()
	sql := "BEGIN;\n-- line 4: whether it ran cannot be told from the schema; run it if it did not\n" +
		"--     DELETE FROM items WHERE id = 77;\n--     ALTER TABLE users ADD COLUMN email text;\n" +
		"DO $$BEGIN\n\tRAISE NOTICE 'a → b  – and so on, longer than any terminal of forty columns would show';  \nEND$$;\nCOMMIT;\n"
	r := ops.Pass("SQL", ops.Fact{Value: sql, Literal: true})
	want := strings.Split(strings.TrimSuffix(sql, "\n"), "\n")
	for _, l := range []Layout{{Width: 40}, {Width: 80, ASCII: true}} {
		if got := l.result(nil, 8, r, "", belowInset)[1:]; !slices.Equal(got, want) {
			t.Errorf("at %d columns:\n%q\nwant\n%q", l.Width, got, want)
		}
	}
	hostile := Layout{}.result(nil, 8, ops.Pass("SQL", ops.Fact{Value: "SELECT '\x1b[2J\u202e';", Literal: true}), "", belowInset)
	if hostile[1] != `SELECT '\x1b[2J\u202e';` {
		t.Errorf("%q", hostile)
	}
	var m markdown
	m.result(r)
	if text := m.b.String(); !strings.Contains(text, "\n    --     DELETE FROM items WHERE id = 77;\n") {
		t.Error(text)
	}
}
