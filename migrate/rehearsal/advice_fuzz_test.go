package rehearsal

import (
	"strings"
	"testing"
)

// FuzzAdvice: whatever a file holds, reading it for advice ends, and what is said is one
// line of text.
func FuzzAdvice(f *testing.F) {
	for _, tt := range rowTests {
		f.Add(tt.sql)
	}
	for _, text := range []string{
		"ALTER TABLE a ADD CONSTRAINT", "ALTER TABLE a ADD c CONSTRAINT x CHECK", "ALTER TABLE a ADD UNIQUE", "ALTER TYPE a RENAME VALUE",
		"SET lock_timeout", "DROP INDEX a,", "CREATE INDEX", "ALTER TABLE a.", "ALTER TABLE a ADD c int CHECK (", "UPDATE", "DO $$UPDATE a$$",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := worked(text)
		c := readCommand(nil, s)
		c.beside = true
		for _, a := range adviseOn(c) {
			if a.Trap == "" || a.Safe == "" {
				t.Errorf("%+v", a)
			}
		}
		if said := brief(s); said == "" || strings.ContainsAny(said, "\n\r\t") {
			t.Errorf("%q", said)
		}
	})
}
