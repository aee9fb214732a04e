package sqlscan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/google/go-cmp/cmp"
)

// kinds writes tokens as kind:text, without white space.
func kinds(tokens []sqlscan.Token) []string {
	names := map[sqlscan.Kind]string{
		sqlscan.Comment: "comment", sqlscan.Word: "word", sqlscan.QuotedIdentifier: "ident", sqlscan.String: "string",
		sqlscan.Bits: "bits", sqlscan.Number: "number", sqlscan.Parameter: "param", sqlscan.Operator: "op",
		sqlscan.Punctuation: "punct", sqlscan.CopyData: "rows",
	}
	var out []string
	for _, t := range tokens {
		if t.Kind != sqlscan.Space {
			out = append(out, names[t.Kind]+":"+t.Text)
		}
	}
	return out
}

func TestScanKnowsEveryKindOfToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"line comment":                      {"a--b;'\nc", []string{"word:a", "comment:--b;'", "word:c"}},
		"carriage return ends a comment":    {"--b\rc", []string{"comment:--b", "word:c"}},
		"nested comment":                    {"a/*b/*c*/'d*/e", []string{"word:a", "comment:/*b/*c*/'d*/", "word:e"}},
		"comment of stars":                  {"/***/a", []string{"comment:/***/", "word:a"}},
		"doubled quote":                     {"'a''b'c", []string{"string:'a''b'", "word:c"}},
		"backslash is no escape":            {`'a\'b`, []string{`string:'a\'`, "word:b"}},
		"escape string":                     {`E'a\'b'c`, []string{`string:E'a\'b'`, "word:c"}},
		"escape string doubled":             {`e'\\''x'c`, []string{`string:e'\\''x'`, "word:c"}},
		"escape string goes on next line":   {"E'a'\n'b\\'c'd", []string{"string:E'a'", `string:'b\'c'`, "word:d"}},
		"and behind a comment":              {"E'a' --x\n'b\\'c'd", []string{"string:E'a'", "comment:--x", `string:'b\'c'`, "word:d"}},
		"but not on the same line":          {`E'a' 'b\'c`, []string{"string:E'a'", `string:'b\'`, "word:c"}},
		"nor behind a block comment":        {"E'a'/**/\n'b\\'c", []string{"string:E'a'", "comment:/**/", `string:'b\'`, "word:c"}},
		"unicode string":                    {`U&'a\0041''b\'c`, []string{`string:U&'a\0041''b\'`, "word:c"}},
		"national string":                   {`n'a\'c`, []string{`string:n'a\'`, "word:c"}},
		"bits":                              {`b'01'X'ff'`, []string{"bits:b'01'", "bits:X'ff'"}},
		"dollar quotation":                  {"$$a;'$$b", []string{"string:$$a;'$$", "word:b"}},
		"dollar quotation with tag":         {"$é1$a$$b$e$c$é1$d", []string{"string:$é1$a$$b$e$c$é1$", "word:d"}},
		"dollar inside a word":              {"a$b$c$b$", []string{"word:a$b$c$b$"}},
		"stray dollar":                      {"$ 1", []string{"punct:$", "number:1"}},
		"parameter":                         {"$12+$1$2", []string{"param:$12", "op:+", "param:$1", "param:$2"}},
		"identifier":                        {`"a""b;"c`, []string{`ident:"a""b;"`, "word:c"}},
		"unicode identifier":                {`U&"a\0041"b`, []string{`ident:U&"a\0041"`, "word:b"}},
		"u as a column":                     {"u&1 U&b", []string{"word:u", "op:&", "number:1", "word:U", "op:&", "word:b"}},
		"operator ends at a comment":        {"a+--b\n*/*c*/-1", []string{"word:a", "op:+", "comment:--b", "op:*", "comment:/*c*/", "op:-", "number:1"}},
		"numbers":                           {"1 2.5 .5 3. 1e5 1.e-2 1..3 4e", []string{"number:1", "number:2.5", "number:.5", "number:3.", "number:1e5", "number:1.e-2", "number:1", "punct:.", "number:.3", "number:4", "word:e"}},
		"escape string right behind number": {`1E'\''`, []string{"number:1", `string:E'\''`}},
		"cast":                              {"a::int[1:2]", []string{"word:a", "punct::", "punct::", "word:int", "punct:[", "number:1", "punct::", "number:2", "punct:]"}},
		"backslash outside":                 {`\i x`, []string{`punct:\`, "word:i", "word:x"}},
		"byte order mark is a word":         {"\ufeffCREATE", []string{"word:\ufeffCREATE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tokens, err := sqlscan.Scan(c.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, kinds(tokens)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScanRefusesWhatIsNeverClosed(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]sqlscan.Error{
		"a\n'b":                                {Line: 2, Offset: 2, Text: "quotation is never closed"},
		"a\nE'b\\'":                            {Line: 2, Offset: 2, Text: "quotation is never closed"},
		"\"a":                                  {Line: 1, Text: "quoted identifier is never closed"},
		`a "" b`:                               {Line: 1, Offset: 2, Text: "an identifier of no characters"},
		"\n\n$x$ a $$":                         {Line: 3, Offset: 2, Text: "dollar quotation $x$ is never closed"},
		"/* /* */":                             {Line: 1, Text: "comment is never closed"},
		"SELECT\n(1, (2)":                      {Line: 2, Offset: 7, Text: "parenthesis is never closed"},
		"\nCOPY t FROM stdin;\n1\n":            {Line: 3, Offset: 20, Text: `the rows of COPY … FROM stdin have no end: a line with \. alone`},
		"COPY t FROM stdin;":                   {Line: 1, Text: "COPY … FROM stdin without rows behind it"},
		"COPY t FROM stdin":                    {Line: 1, Text: "COPY … FROM stdin without rows behind it"},
		"COPY t FROM stdin; SELECT 1;\n1\n\\.": {Line: 1, Offset: 19, Text: "the rows of COPY … FROM stdin begin on the line after it; this stands between"},
		"a\nb\xffc":                            {Line: 2, Offset: 3, Text: "byte 0xff is not UTF-8"},
		"a\nb\x00c":                            {Line: 2, Offset: 3, Text: "a zero byte, which is no text"},
		"CREATE FUNCTION f() RETURNS int\nBEGIN ATOMIC SELECT (1);": {Line: 2, Offset: 32, Text: "BEGIN ATOMIC has no END"},
	} {
		_, err := sqlscan.Scan(body)
		var got *sqlscan.Error
		if !errors.As(err, &got) {
			t.Errorf("%q: error %v", body, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%q: %s", body, diff)
		}
	}
}

func TestNameFoldsAsTheServerDoes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 40)
	for text, want := range map[string]string{
		"Users":          "users",
		"ÄB":             "Äb",
		`"Us""ers"`:      `Us"ers`,
		`U&"d\0061t\\a"`: `dat\a`,
		`U&"\+01F600"`:   "😀",
		long:             long[:62],
		"'x'":            "",
	} {
		tokens, err := sqlscan.Scan(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := tokens[0].Name(); got != want {
			t.Errorf("%s: name %q, want %q", text, got, want)
		}
	}
}

func TestValueOfPlainStrings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"'a''b'": "a'b", "$$a$$": "a", "$x$a$$b$x$": "a$$b", "''": ""} {
		tokens, err := sqlscan.Scan(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := tokens[0].Value(); !ok || got != want {
			t.Errorf("%s: value %q, %t", text, got, ok)
		}
	}
	tokens, err := sqlscan.Scan(`E'a'`)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := tokens[0].Value(); ok {
		t.Error("the value of an escape string is not to be had plainly")
	}
}
