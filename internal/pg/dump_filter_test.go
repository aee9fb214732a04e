package pg

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const dumpHead = `--
-- PostgreSQL database dump
--

\restrict KEY

-- Dumped from database version 17.6

SET statement_timeout = 0;
SET transaction_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
SET row_security = off;

`

const dumpBody = `CREATE TABLE t (t text);
SET transaction_timeout = 0;
\restrict KEY
COPY t FROM stdin;
\\restrict KEY
\.
`

const dumpTail = `--
-- PostgreSQL database dump complete
--

`

func TestTheFilterTakesAwayTheLinesOfTheHeadAndTheirEndAlone(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300<<10) + "\\unrestrict KEY\n" // a row longer than every buffer
	dump := dumpHead + dumpBody + long + dumpTail + "\\unrestrict KEY\n\n"
	without := func(text string, lines ...string) string {
		for _, l := range lines {
			text = strings.Replace(text, l+"\n", "", 1)
		}
		return text
	}
	for name, tt := range map[string]struct {
		filter lineFilter
		want   string
	}{
		"restrict": {lineFilter{}, without(dumpHead, `\restrict KEY`) + dumpBody + long + dumpTail + "\n"},
		"transaction_timeout": {
			lineFilter{dropTransactionTimeout: true},
			without(dumpHead, `\restrict KEY`, "SET transaction_timeout = 0;") + dumpBody + long + dumpTail + "\n",
		},
	} {
		for way, r := range map[string]io.Reader{"whole": strings.NewReader(dump), "in halves": iotest.HalfReader(strings.NewReader(dump))} {
			var got bytes.Buffer
			var end DumpEnd
			f := tt.filter
			if err := f.copy(&got, r, &end); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.String()); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, way, diff)
			}
			if !end.Complete() {
				t.Errorf("%s, %s: the end was not seen", name, way)
			}
		}
	}
}

func TestADumpWithoutRestrictKeepsEveryLine(t *testing.T) {
	t.Parallel()
	dump := "SET a = 1;\n\nCREATE TABLE t (n int);\n\\restrict KEY\n\\unrestrict KEY\n"
	var got bytes.Buffer
	f := lineFilter{}
	if err := f.copy(&got, strings.NewReader(dump), &DumpEnd{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dump, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestADumpOfAnEmptyDatabaseHasNoLineOfItsKeyLeft guards against \unrestrict with a key
// psql was not given, in a dump without a single object.
func TestADumpOfAnEmptyDatabaseHasNoLineOfItsKeyLeft(t *testing.T) {
	t.Parallel()
	dump := "--\n-- PostgreSQL database dump\n--\n\n\\restrict KEY\n\nSET a = 1;\n--\n" + DumpEndLine + "\n--\n\n\\unrestrict KEY\n\n"
	var got bytes.Buffer
	f := lineFilter{}
	if err := f.copy(&got, strings.NewReader(dump), &DumpEnd{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got.String(), "KEY") || !strings.Contains(got.String(), "SET a = 1;") {
		t.Errorf("%q", got.String())
	}
}

func TestAnErrorWhileReadingTheDumpIsNotItsEnd(t *testing.T) {
	t.Parallel()
	f := lineFilter{}
	err := f.copy(io.Discard, io.MultiReader(strings.NewReader(dumpHead), iotest.ErrReader(io.ErrUnexpectedEOF)), &DumpEnd{})
	if err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("error %v", err)
	}
}

func TestWhichEndsAreThatOfACompleteDump(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x\n", 5000)
	for _, tt := range []struct {
		name string
		end  string
		want bool
	}{
		{"pg_dump up to August 2025", "--\n-- PostgreSQL database dump complete\n--\n\n", true},
		{"pg_dump since", "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict " + strings.Repeat("k", 63) + "\n\n", true},
		{"nothing", "", false},
		{"cut in the trailer", "--\n-- PostgreSQL database dump com", false},
		{"a row that looks like it, and more rows", "\n-- PostgreSQL database dump complete\nrow\n", false},
		{"not at the start of a line", "row -- PostgreSQL database dump complete\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var whole, single DumpEnd
			whole.See([]byte(body + tt.end))
			for _, b := range []byte(body + tt.end) {
				single.See([]byte{b})
			}
			if whole.Complete() != tt.want || single.Complete() != tt.want {
				t.Errorf("complete: %v at once, %v byte by byte; want %v", whole.Complete(), single.Complete(), tt.want)
			}
		})
	}
}
