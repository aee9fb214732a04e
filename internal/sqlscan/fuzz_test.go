package sqlscan_test

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/google/go-cmp/cmp"
)

var seeds = []string{
	"SELECT 1;", "E'a'\n'b\\'c' ;x", "$a$;$a$;$$", "COPY t FROM stdin;\n1\n\\.\nSELECT 1", "/* /* ; */ */ ;-- ;\n;",
	"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; END;", `U&"a\0041";U&'x';B'0';X'f';$1$2`,
	"CREATE RULE r AS ON INSERT TO t DO (a; b);)", "a\r\n--\r;\v\f", "copy t from STDIN; --x\n\\.\r\n", "1.5e3..2e+;.5", "\"a\"\"b\"", "'", "(", "\x00", "\xff", "é$é$;$é$",
}

// FuzzScan: the tokens' texts, put together, are the input; places are right.
func FuzzScan(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		tokens, err := sqlscan.Scan(body)
		if err != nil {
			return
		}
		var whole strings.Builder
		for _, token := range tokens {
			if token.Text == "" {
				t.Fatalf("empty token at %d", token.Start)
			}
			if token.Start != whole.Len() || token.Line != 1+strings.Count(body[:token.Start], "\n") {
				t.Fatalf("token %q is said to stand at %d, line %d", token.Text, token.Start, token.Line)
			}
			_ = token.Name()
			_, _ = token.Value()
			whole.WriteString(token.Text)
		}
		if whole.String() != body {
			t.Fatalf("put together: %q", whole.String())
		}
	})
}

// FuzzSplit: a statement split again is itself, and nothing but white space,
// comments and semicolons is left out.
func FuzzSplit(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		statements, err := sqlscan.Split(body)
		if err != nil {
			return
		}
		from := 0
		for _, s := range statements {
			if body[s.Start:s.End] != s.Text || s.Start < from {
				t.Fatalf("%q does not stand at %d–%d", s.Text, s.Start, s.End)
			}
			onlyFiller(t, body[from:s.Start])
			from = s.End
			again, err := sqlscan.Split(s.Text)
			if err != nil {
				t.Fatalf("%q cannot be split again: %v", s.Text, err)
			}
			if len(again) != 1 || again[0].Text != s.Text || again[0].Command != s.Command || again[0].Rows != s.Rows {
				t.Fatalf("%q split again: %q", s.Text, texts(again))
			}
			if diff := cmp.Diff(s.Words, again[0].Words); diff != "" {
				t.Fatal(diff)
			}
		}
		onlyFiller(t, body[from:])
	})
}

func onlyFiller(t *testing.T, text string) {
	t.Helper()
	tokens, err := sqlscan.Scan(text)
	if err != nil {
		t.Fatalf("%q between statements: %v", text, err)
	}
	for _, token := range tokens {
		if token.Kind != sqlscan.Space && token.Kind != sqlscan.Comment && token.Text != ";" {
			t.Fatalf("%q between statements", text)
		}
	}
}
