package release

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
)

// favourites is the text of the small release, for tests that spoil it.
func favourites(t testing.TB) string {
	t.Helper()
	body, err := os.ReadFile("testdata/favourites.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// spoil replaces the first occurrence of what in the small release.
func spoil(t testing.TB, what, by string) string {
	t.Helper()
	body := favourites(t)
	if !strings.Contains(body, what) {
		t.Fatalf("%q is not in the file", what)
	}
	return strings.Replace(body, what, by, 1)
}

// mistakes spoil one thing each of the small release.
var mistakes = map[string]struct{ what, by, want string }{
	"unknown key at the top":    {"title: Favourites", "tittle: Favourites", `line 3, column 1: tittle: unknown key; did you mean "title"?`},
	"unknown key in a flow":     {"type: int,", "typo: int,", `line 22, column 30: objects[0].tables[0].columns[2].typo: unknown key; did you mean "type"?`},
	"unknown key, nothing near": {"title: Favourites", "zzzzzzzz: 1\ntitle: Favourites", "line 3, column 1: zzzzzzzz: unknown key; known here are floor, messages,"},
	"key twice":                 {"floor: 10", "floor: 10\nfloor: 11", "floor"},
	"list instead of a mapping": {"messages:\n  proceed:", "messages:\n  - title: x\nmessage:\n  proceed:", "line 8, column 1: messages: must be a mapping"},
	"mapping instead of a list": {"migrations:\n  - {version: 120, name: add_favourites}", "migrations: {version: 120}", "line 6, column 1: migrations: must be a list, not a mapping"},
	"text instead of a number":  {"floor: 10", "floor: ten", "line 4, column 1: floor: must be a whole number"},
	"negative version":          {"floor: 10", "floor: -1", "line 4"},
	"fraction":                  {"floor: 10", "floor: 1.5", "floor: must be a whole number"},
	"number instead of text":    {"sql: SELECT count(*) FROM favourites WHERE position < 0", "sql: [1]", "probes[0].sql"},
	"not a boolean":             {"not_null: true", "not_null: maybe", "must be true or false"},
	"anchor":                    {"title: Favourites", "title: &a Favourites", "line 3, column 1: title: anchors, aliases and tags"},
	"tag":                       {"title: Favourites", "title: !!str Favourites", "anchors, aliases and tags"},
	"syntax":                    {"tables:\n    - {name: users", "tables:\n    - {name: users}}", "line 13"},
	"no name":                   {"name: favourites\n", "name:\n", "line 2, column 1: name: must not be empty"},
	"key left out":              {"title: Favourites\n", "", "title: must not be empty"},
	"name of another form":      {"name: favourites\n", "name: My Favourites\n", "name: \"My Favourites\" must be"},
	"versions do not ascend":    {"name: add_favourites}", "name: add_favourites}\n  - {version: 119, name: more}", "line 8, column 6: migrations[1].version: 119 does not come after 120"},
	"version twice":             {"name: add_favourites}", "name: add_favourites}\n  - {version: 120, name: more}", "120 does not come after 120"},
	"migration's name":          {"name: add_favourites}", "name: ../add}", "migrations[0].name"},
	"target not among them":     {"target: 120", "target: 119", "line 5, column 1: target: 119 is not a version of the release [120]"},
	"target before the last":    {"name: add_favourites}", "name: add_favourites}\n  - {version: 121, name: more}", "target: 120 leaves migrations of the release out: the last is 121"},
	"floor not below":           {"floor: 10", "floor: 120", "floor: 120 must be below"},
	"objects of an unknown":     {"- version: 120\n", "- version: 97\n", "objects[0].version: 97 is not a version of the release"},
	"altered, but unknown":      {"- name: favourites\n", "- name: favourites\n        altered: true\n", "neither a prerequisite nor made"},
	"column twice":              {"name: clip_id, type", "name: user_id, type", `the column "favourites.user_id" stands twice`},
	"table name":                {"- name: favourites\n", "- name: my favourites\n", `"my favourites" must be a name`},
	"index twice":               {"idx_favourites_order, keys", "idx_favourites_clip, keys", "stands twice"},
	"kind of constraint":        {"kind: primary key", "kind: primary", `"primary" must be one of primary key,`},
	"key without columns":       {"kind: primary key, columns: [user_id, clip_id]", "kind: primary key", "must name the columns of a primary key"},
	"on delete":                 {"on_delete: cascade", "on_delete: cascades", "on_delete"},
	"probe without expectation": {"expect: {at_most: 0}", "expect: {}", "probes[0].expect: must state one of"},
	"probe with two":            {"expect: {at_most: 0}", "expect: {at_most: 0, no_rows: true}", "must state one of"},
	"severity":                  {"severity: warn", "severity: warning", `"warning" must be one of fail, warn`},
	"id of another form":        {"id: positions", "id: Positions!", `probes[0].id: "Positions!" must be`},
	"since an unknown":          {"severity: warn", "severity: warn\n    since: 97", "probes[0].since: 97 is not a version"},
	"statement with semicolon":  {"WHERE position < 0\n", "WHERE position < 0;\n", "without a semicolon"},
	// Guards against a release file whose write test, or probe, commits what it writes.
	"statement that commits":       {"sql: SELECT count(*) FROM favourites WHERE position < 0", "sql: /* well */ commit", "probes[0].sql: COMMIT would end or divide the transaction"},
	"statement that begins again":  {"VALUES (@person, @clip)", "VALUES (@person, @clip); ROLLBACK; BEGIN", "is one statement, and these are 3"},
	"statement that is none":       {"WHERE position < 0\n", "WHERE position < '0\n", "is no SQL"},
	"plan with an unknown index":   {"index: idx_favourites_order\n", "index: idx_favourites\n", `plans[0].index: "idx_favourites" is not among`},
	"plan without an unknown node": {"without: [seqscan,", "without: [tablescan,", `plans[0].without[0]: "tablescan" must be one of`},
	"write test of another table":  {"- table: favourites\n", "- table: clips\n", `writes.tests[0].table: "clips" is not among`},
	"write test after a later one": {"- table: favourites\n", "- table: favourites\n      after: clips\n", `no test of "clips" stands above`},
	"value that nothing returns":   {"VALUES (@person, @clip)", "VALUES (@person, @clips)", "writes.tests[0].statements[1].sql: no statement above returns @clips"},
	"fails and returns":            {"fails: favourites_pkey", "fails: favourites_pkey\n          expect: x", "a statement that fails returns nothing"},
	"two documents":                {"probes:", "---\nprobes:", "more than one document"},
}

func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	for name, test := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(strings.NewReader(spoil(t, test.what, test.by)))
			var wrong *FileError
			if !errors.As(err, &wrong) {
				t.Fatalf("error %v, want a *FileError", err)
			}
			f := ops.AsFailure(err)
			if f.Code != ops.ExitUsage {
				t.Errorf("exit code %d, want %d", f.Code, ops.ExitUsage)
			}
			if all := strings.Join(f.Detail, "\n"); !strings.Contains(all, test.want) {
				t.Errorf("got\n%s\nwant\n%s", all, test.want)
			}
		})
	}
}

func TestATableWithoutAWriteTestIsAMistake(t *testing.T) {
	t.Parallel()
	body := favourites(t)
	_, err := Read(strings.NewReader(body[:strings.Index(body, "writes:")]))
	var wrong *FileError
	if !errors.As(err, &wrong) || !strings.Contains(wrong.Error(), "no write test for table favourites at version 120") {
		t.Errorf("got %v", err)
	}
}

func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	body := strings.NewReplacer("title: Favourites", "titel: Favourites", "type: int", "tipe: int", "probes:", "probs:").Replace(favourites(t))
	_, err := Read(strings.NewReader(body))
	var wrong *FileError
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	lines := make([]int, len(wrong.Problems))
	for i, p := range wrong.Problems {
		lines[i] = p.Line
	}
	if len(lines) != 3 || lines[0] != 3 || lines[1] != 22 || lines[2] < lines[1] {
		t.Errorf("lines %v: %v", lines, wrong.Problems)
	}
	if want := "release file has 3 mistakes"; ops.AsFailure(err).What != want {
		t.Errorf("got %q, want %q", ops.AsFailure(err).What, want)
	}
}

func TestWhatIsNoYAMLIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "# nothing\n", "---\n---\n", "just words", "- a\n- b", "\xff\xfe", "a: [", "\tname: x", "name: \x00"} {
		if r, err := Read(strings.NewReader(body)); err == nil {
			t.Errorf("%q became %+v", body, r)
		}
	}
}
