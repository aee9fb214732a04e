package sqlscan_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/clipper/clipperops/internal/sqlscan"
	"github.com/google/go-cmp/cmp"
)

func texts(statements []sqlscan.Statement) []string {
	var out []string
	for _, s := range statements {
		out = append(out, s.Text)
	}
	return out
}

func TestSplitEndsStatementsWhereTheServerDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"nothing":              {" ;; -- a;\n/* b; */ ;", nil},
		"no last semicolon":    {"SELECT 1; SELECT 2 -- end", []string{"SELECT 1", "SELECT 2"}},
		"rule with two":        {"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); SELECT 3", []string{"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)", "SELECT 3"}},
		"quoted function":      {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$; SELECT 2", []string{"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$", "SELECT 2"}},
		"atomic function":      {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3", []string{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END", "SELECT 3"}},
		"atomic replaced":      {"create or replace procedure p() begin atomic select t.end, 1 AS end from t; end; SELECT 3", []string{"create or replace procedure p() begin atomic select t.end, 1 AS end from t; end", "SELECT 3"}},
		"transaction":          {"BEGIN; SELECT 1; END; SELECT 2", []string{"BEGIN", "SELECT 1", "END", "SELECT 2"}},
		"stray closing":        {"SELECT 1); SELECT 2", []string{"SELECT 1)", "SELECT 2"}},
		"copy with rows":       {"COPY t (a, \"from\") FROM STDIN WITH (FORMAT text); -- rows\n1;\t2\n'\n\\.\nSELECT 1;", []string{"COPY t (a, \"from\") FROM STDIN WITH (FORMAT text); -- rows\n1;\t2\n'\n\\.", "SELECT 1"}},
		"copy with no rows":    {"COPY t FROM stdin;\r\n\\.\r\nSELECT 1;", []string{"COPY t FROM stdin;\r\n\\.", "SELECT 1"}},
		"copy out":             {"COPY (SELECT a FROM stdin) TO stdout; SELECT 1", []string{"COPY (SELECT a FROM stdin) TO stdout", "SELECT 1"}},
		"copy from a file":     {"COPY t FROM '/stdin'; SELECT 1", []string{"COPY t FROM '/stdin'", "SELECT 1"}},
		"comments around":      {"-- first\nSELECT /* in */ 1 -- last\n;", []string{"SELECT /* in */ 1"}},
		"a table called begin": {"SELECT begin FROM atomic; SELECT 2", []string{"SELECT begin FROM atomic", "SELECT 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statements, err := sqlscan.Split(c.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, texts(statements)); diff != "" {
				t.Error(diff)
			}
			for _, s := range statements {
				if c.body[s.Start:s.End] != s.Text {
					t.Errorf("%q does not stand at %d–%d", s.Text, s.Start, s.End)
				}
			}
		})
	}
}

func TestSplitTellsPlacesWordsAndRows(t *testing.T) {
	t.Parallel()
	statements, err := sqlscan.Split("-- é\nCREATE unique INDEX concurrently i\n  ON \"T\" (a);\n\nCOPY t FROM stdin;\n1\n2\n\\.\n")
	if err != nil {
		t.Fatal(err)
	}
	index, rows := statements[0], statements[1]
	if diff := cmp.Diff([]string{"CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", "I", "ON"}, index.Words); diff != "" {
		t.Error(diff)
	}
	if !index.Begins("CREATE", "UNIQUE") || index.Begins("CREATE", "INDEX") || index.HasRows {
		t.Errorf("%+v", index)
	}
	if index.Line != 2 || index.Start != 6 || index.Tokens[5].Line != 3 {
		t.Errorf("line %d, start %d, ON on line %d", index.Line, index.Start, index.Tokens[5].Line)
	}
	if rows.Line != 5 || rows.Command != "COPY t FROM stdin" || !rows.HasRows || rows.Rows != "1\n2\n" {
		t.Errorf("%+v", rows)
	}
}

// TestMigrationsOfTheReleaseSplit takes the files we ship apart.
func TestMigrationsOfTheReleaseSplit(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../migrations/*.sql")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements, err := sqlscan.Split(string(body))
		if err != nil || len(statements) == 0 {
			t.Errorf("%s: %d statements, %v", file, len(statements), err)
		}
	}
}
