package pg_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

func snapshotText(t testing.TB, s *pg.Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := pg.WriteSnapshot(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSnapshotFilesHoldEverything(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.WithClipper())
	pgtest.Exec(t, target, strings.ReplaceAll(propertyWorld, "CREATE EXTENSION pgcrypto", "CREATE EXTENSION IF NOT EXISTS pgcrypto"))
	conn := pgtest.Connect(t, target)
	s := takeSnapshot(t, conn, pg.SnapshotOptions{})
	text := snapshotText(t, s)
	back, err := pg.ReadSnapshot(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Error(diff)
	}
	if again := snapshotText(t, takeSnapshot(t, conn, pg.SnapshotOptions{})); !bytes.Equal(text, again) {
		t.Error("two snapshots of one schema are different files")
	}
	if !bytes.Contains(text, []byte(" > ")) || bytes.Contains(text, []byte(`\u003e`)) {
		t.Error("definitions are not readable in the file")
	}
}

const soundFile = `{"schema": "clipperops/schema/v1", "server_version_num": 150018, "objects": [%]}`

func TestReadSnapshotTakesAnyOrder(t *testing.T) {
	t.Parallel()
	s, err := pg.ReadSnapshot(strings.NewReader(strings.Replace(soundFile, "%", `
		{"kind": "index", "name": "public.i", "of": {"kind": "table", "name": "public.t"}, "definition": "b"},
		{"kind": "table", "name": "public.t", "definition": ""}`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if parts := s.Parts(pg.Key{Kind: pg.KindTable, Name: "public.t"}); s.Objects[0].Kind != pg.KindTable || len(parts) != 1 {
		t.Errorf("%v", s.Objects)
	}
}

// TestReadSnapshotSaysWhatIsWrong guards against a file that is taken for a schema and is none,
// and against one that would keep a diff busy for ever.
func TestReadSnapshotSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	object := func(text string) string { return strings.Replace(soundFile, "%", text, 1) }
	for text, want := range map[string]string{
		"":                                    "it is empty or cut off",
		`{"schema": "clipperops/schema/v1", `: "it is empty or cut off",
		"--\n-- PostgreSQL database dump\n--": "it is no JSON: invalid character '-' in numeric literal at byte 2",
		"[]":                                  "an object was expected, not: array",
		"null":                                "it does not say that it is a clipperops/schema/v1",
		`{"schema": 1}`:                       "schema cannot be a number",
		`{"schema": "clipperops/run/v1"}`:     `it is a "clipperops/run/v1", not a clipperops/schema/v1`,
		`{"schema": "clipperops/schema/v2"}`:  `it is a "clipperops/schema/v2", not a clipperops/schema/v1`,
		`{"schema": "clipperops/schema/v1"}`:  "it does not say which server it was taken on (server_version_num)",
		strings.Replace(soundFile, "[%]", "null", 1):          "its objects are no list",
		strings.Replace(soundFile, "[%]", `"x"`, 1):           "its objects are no list",
		strings.Replace(soundFile, `, "objects": [%]`, "", 1): "it has no list of objects",
		object("") + "x": "it is no JSON: invalid character 'x' after top-level value at byte 80",
		object(`{}`):     `object 1: there is no kind of object ""`,
		object(`1`):      "object 1: an object was expected, not: number",
		object(`{"kind": "tabel", "name": "t", "definition": ""}`):                                                    `object 1: there is no kind of object "tabel"`,
		object(`{"kind": "column order", "name": "t", "definition": ""}`):                                             `object 1: there is no kind of object "column order"`,
		object(`{"kind": "table", "name": "", "definition": ""}`):                                                     "object 1: a table has no name",
		object(`{"kind": "table", "name": "t", "definition": "", "colour": "red"}`):                                   `object 1: unknown field "colour"`,
		object(`{"kind": "column", "name": "t.a", "position": -1, "definition": ""}`):                                 "object 1: column t.a is at position -1",
		object(`{"kind": "table", "name": "t", "definition": ""}, {"kind": "table", "name": "t", "definition": "x"}`): "it has table t twice",
		object(`{"kind": "table", "name": "t", "of": {"kind": "table", "name": "t"}, "definition": ""}`):              `object 1: table t cannot belong to "table t"`,
		object(`{"kind": "table", "name": "t", "of": {"kind": "index", "name": "i"}, "definition": ""}`):              `object 1: table t cannot belong to "index i"`,
		object(`{"kind": "table", "name": "t", "of": {"kind": "x", "name": "i"}, "definition": ""}`):                  `object 1: table t cannot belong to "x i"`,
		strings.Replace(object(""), `"objects"`, `"more": 1, "objects"`, 1):                                           `unknown field "more"`,
		strings.Repeat(" ", 64<<20) + object(""):                                                                      "it is larger than 64 MiB",
		object(strings.Repeat("[", 20000)):                                                                            "it is no JSON: invalid character '[' exceeded max depth at byte 10076",
		object(`{"kind": "` + strings.Repeat("k", 1000) + `", "name": "t", "definition": ""}`):                        `object 1: there is no kind of object "` + strings.Repeat("k", 159) + `…"`,
	} {
		_, err := pg.ReadSnapshot(strings.NewReader(text))
		if err == nil || err.Error() != want {
			t.Errorf("%.120s\n    got  %v\n    want %s", text, err, want)
		}
	}
}

// FuzzReadSnapshot: whatever is read can be compared, shown and written, and is the same when read again.
func FuzzReadSnapshot(f *testing.F) {
	f.Add([]byte(strings.Replace(soundFile, "%", "", 1)))
	f.Add([]byte(strings.Replace(soundFile, "%", `{"kind": "table", "name": "public.t", "definition": ""},
		{"kind": "column", "name": "public.t.a", "of": {"kind": "table", "name": "public.t"}, "position": 1, "definition": "integer NOT NULL"},
		{"kind": "comment", "name": "column public.t.a", "of": {"kind": "column", "name": "public.t.a"}, "definition": "a\nb"},
		{"kind": "grant", "name": " TO PUBLIC", "definition": ""}, {"kind": "trigger", "name": "x", "definition": " TRIGGER "}`, 1)))
	empty := &pg.Snapshot{Format: pg.SnapshotFormat, ServerVersionNum: 150018, Objects: []pg.Object{}}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := pg.ReadSnapshot(bytes.NewReader(text))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		written := snapshotText(t, s)
		back, err := pg.ReadSnapshot(bytes.NewReader(written))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if again := snapshotText(t, back); !bytes.Equal(written, again) {
			t.Errorf("written once it is\n%s\nand twice\n%s", written, again)
		}
		added := pg.Flatten(pg.Diff(empty, s))
		if len(added) != len(s.Objects) {
			t.Errorf("%d of %d objects are in the diff", len(added), len(s.Objects))
		}
		for _, c := range append(added, pg.Diff(s, empty)...) {
			_ = c.Lines()
		}
		for i := range s.Objects {
			s.Objects[i].Definition += "\nx"
		}
		for _, c := range pg.Diff(back, s) {
			_ = c.Lines()
		}
	})
}
