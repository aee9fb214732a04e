package pg

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

// watched gives a script to a watch, in lines and byte by byte.
func watched(t *testing.T, script string) error {
	t.Helper()
	var got bytes.Buffer
	f := lineFilter{watch: newCommandWatch()}
	err := f.copy(&got, iotest.HalfReader(strings.NewReader(script)), &DumpEnd{})
	if err == nil && got.String() != script {
		t.Errorf("the script was changed to %q", got.String())
	}
	return err
}

// Guards against a dump that runs commands in the shell of whoever restores it,
// with a psql that has no restricted mode.
func TestCommandsOfPsqlAreSeenWhereverPsqlWouldRunThem(t *testing.T) {
	t.Parallel()
	const rows = "COPY public.t (n) FROM stdin;\n1\n\\.\n"
	for name, script := range map[string]string{
		"a line":                           "\\! id\n",
		"the last line, unended":           "SELECT 1;\n\\! id",
		"behind a statement":               "SELECT 1 \\! id\n",
		"behind rows":                      rows + "\\! id\n",
		"behind rows on windows":           "COPY public.t FROM stdin;\n1\n\\.\r\n\\! id\n",
		"behind COPY on its line":          "COPY public.t FROM stdin; \\! id\n1\n\\.\n",
		"rows that no COPY precedes":       "copy public.t from stdin;\n\\! id\n\\.\n",
		"a COPY within parentheses":        "SELECT (\nCOPY public.t FROM stdin;\n\\! id\n\\.\n",
		"a COPY within a statement":        "SELECT 1 AS\nCOPY public.t FROM stdin;\n\\! id\n\\.\n",
		"a COPY within a SQL function":     "CREATE FUNCTION f() BEGIN ATOMIC\nSELECT 1;\nCOPY public.t FROM stdin;\n\\! id\n\\.\n",
		"a COPY of a variable":             "COPY :x FROM stdin;\n\\! id\n\\.\n",
		"a variable":                       "SELECT :'x';\n",
		"behind a text":                    "SELECT 'a''b'\\! id\n",
		"a backslash before the quote":     "SELECT 'a\\' \\! id '\n",
		"the same after an escape":         "SELECT E'a\\\\\\' \\! id '\n",
		"behind a name":                    "SELECT \"a'b\"\\! id\n",
		"behind a line comment":            "-- 'x\n\\! id\n",
		"a comment that ends with \\r":     "-- x\r\\! id\n",
		"behind nested comments":           "/* /* ' */ */ \\! id\n",
		"a comment that /*/ does not end":  "/*/ ' */ \\! id\n",
		"behind a dollar text":             "SELECT $a$ $ $b$ ' $$a$\\! id\n",
		"a dollar sign within a word":      "SELECT a$b$ \\! id $b$\n",
		"a dollar sign behind a number":    "SELECT 1$b$ \\! id $b$\n",
		"a parameter":                      "SELECT $1 begin\n",
		"a zero byte":                      "SELECT '\x00'\n\\! id\n",
		"a tag that is none":               "SELECT $é -$ \\! id\n",
		"the dump's own key in the middle": "SELECT 1;\n\\unrestrict KEY\n\\! id\n",
	} {
		var found *CommandError
		if err := watched(t, script); !errors.As(err, &found) {
			t.Errorf("%s: error %v", name, err)
		} else if found.Line < 1 || found.Line > strings.Count(script, "\n")+1 {
			t.Errorf("%s: line %d", name, found.Line)
		}
	}
}

func TestWhatPgDumpWritesIsNotTakenForACommand(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x\\t", 100<<10) // a row longer than every buffer
	for name, script := range map[string]string{
		"a dump":              strings.ReplaceAll(dumpHead+dumpBody, "\n\\restrict KEY\n", "\n") + dumpTail,
		"rows":                "--\n-- Data for Name: t; Type: TABLE DATA\n--\n\nCOPY public.t (n, \"Odd \"\"name\") FROM stdin;\n\\\\! id\n\\! id\n" + long + "\n\\.\n\n\nSELECT 1;\n",
		"texts":               "SELECT 'a\\b', '\\\\', E'x\\n', '''', U&'\\0061', 'é''\\! id'::text;\n",
		"names":               "CREATE TABLE \"\\! id\" (\"begin\" int, begin int);\nCOPY public.\"\\! id\" FROM stdin;\n\\.\n",
		"comments":            "-- \\! id\n/* \\! id /* ' */ \\! id */ SELECT 1 - -1;\n",
		"functions":           "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$ SELECT '\n\\! id\n' || $1 $_$;\nCOPY t FROM stdin;\n\\N\n\\.\n",
		"parts and operators": "SELECT a[1:2], 1::int, '{}'::jsonb @> '{}', (2 * 3) / 4;\n",
	} {
		if err := watched(t, script); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
