package pg

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

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
	m := Messages{program: "pg_dump"}
	if _, err := io.Copy(&m, iotest.OneByteReader(strings.NewReader(stderr))); err != nil {
		t.Fatal(err)
	}
	m.Flush()
	if diff := cmp.Diff(want, struct{ Warnings, Errors []string }{m.warnings, m.errors}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m.Current() != `"public.users"` {
		t.Errorf("doing %q", m.Current())
	}
}

func TestMessagesDoesNotRememberWithoutEnd(t *testing.T) {
	t.Parallel()
	m := Messages{program: "psql"}
	for range 1000 {
		if _, err := m.Write([]byte("psql:<stdin>:1: WARNING:  again\n")); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.warnings) != messagesKept {
		t.Errorf("%d warnings kept", len(m.warnings))
	}
}
