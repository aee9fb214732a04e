package backup

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
			var end trailer
			f := tt.filter
			if err := f.copy(&got, r, &end); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.String()); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, way, diff)
			}
			if !end.complete() {
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
	if err := f.copy(&got, strings.NewReader(dump), &trailer{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dump, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnErrorWhileReadingTheDumpIsNotItsEnd(t *testing.T) {
	t.Parallel()
	f := lineFilter{}
	err := f.copy(io.Discard, io.MultiReader(strings.NewReader(dumpHead), iotest.ErrReader(io.ErrUnexpectedEOF)), &trailer{})
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
			var whole, single trailer
			whole.see([]byte(body + tt.end))
			for _, b := range []byte(body + tt.end) {
				single.see([]byte{b})
			}
			if whole.complete() != tt.want || single.complete() != tt.want {
				t.Errorf("complete: %v at once, %v byte by byte; want %v", whole.complete(), single.complete(), tt.want)
			}
		})
	}
}

func TestMessagesTellsWarningsAndErrorsFromTalk(t *testing.T) {
	t.Parallel()
	stderr := `pg_dump: last built-in OID is 16383
pg_dump: reading extensions
pg_dump: warning: could not find where to insert IF EXISTS in statement "x"
pg_dump: detail: of the dump
  and more of it
pg_dump: dumping contents of table "public.users"
perl: warning: Setting locale failed.
pg_dump: error: query failed: ERROR:  permission denied
pg_dump: detail: Query was: LOCK TABLE
public.t
pg_dump: hint: ask`
	want := struct{ Warnings, Errors []string }{
		[]string{`could not find where to insert IF EXISTS in statement "x"`, "detail: of the dump", "  and more of it", "perl: warning: Setting locale failed."},
		[]string{"query failed: ERROR:  permission denied", "detail: Query was: LOCK TABLE", "public.t", "hint: ask"},
	}
	m := messages{program: "pg_dump"}
	if _, err := io.Copy(&m, iotest.OneByteReader(strings.NewReader(stderr))); err != nil {
		t.Fatal(err)
	}
	m.flush()
	if diff := cmp.Diff(want, struct{ Warnings, Errors []string }{m.warnings, m.errors}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m.current() != `"public.users"` {
		t.Errorf("doing %q", m.current())
	}
}

func TestMessagesDoesNotRememberWithoutEnd(t *testing.T) {
	t.Parallel()
	m := messages{program: "psql"}
	for range 1000 {
		if _, err := m.Write([]byte("psql:<stdin>:1: WARNING:  again\n")); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.warnings) != messagesKept {
		t.Errorf("%d warnings kept", len(m.warnings))
	}
}
