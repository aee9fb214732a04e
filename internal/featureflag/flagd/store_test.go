package flagd

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/featureflagtest"
)

const key = "twitch_moderation"

// file is one with that content, for a test.
func file(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flags.json")
	put(t, path, content)
	return path
}

func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// alone is a file with that flag and one of somebody else.
func alone(t testing.TB, f featureflag.Flag) string {
	t.Helper()
	d, err := define(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"flags": map[string]any{f.Key: d, "theme": map[string]any{"state": "ENABLED", "variants": map[string]any{"a": "b"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]func(t *testing.T, path, content string){
		"written in place": func(t *testing.T, path, content string) { put(t, path, content) },
		"renamed into place": func(t *testing.T, path, content string) {
			put(t, path+".next", content)
			if err := os.Rename(path+".next", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			featureflagtest.Run(t, func(t *testing.T) featureflagtest.Bench {
				path := file(t, `{"flags": {"theme": {"state": "ENABLED", "variants": {"a": "b"}}}}`)
				return featureflagtest.Bench{
					Store: Open(path, key).Poll(time.Hour), // what is noticed must be enough
					Put:   func(t *testing.T, f featureflag.Flag) { way(t, path, alone(t, f)) },
					Break: func(t *testing.T) func() {
						way(t, path, `{"flags": {"`+key+`": {"state": "MAYBE"}}}`)
						return func() {}
					},
				}
			})
		})
	}
}

// all is a file with everything that flagd's may have, in an order and a style of its
// own.
const all = `{
   "$schema": "https://flagd.dev/schema/v0/flags.json",
   "flags": {
      "theme":  {"state":"ENABLED", "variants": {"dark": "#000", "big": 1e400000, "exact": 12345678901234567890},
                 "targeting": {"if": [{"$ref": "staff"}, "dark"]} },
      "twitch_moderation": {
         "metadata": {"owner": "a & b <c>"}, "state": "DISABLED", "variants": {"off": false, "on": true}, "defaultVariant": "on"
      },
      "dark-mode": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}
   },
   "$evaluators": {"staff": {"in": ["@clipper.example", {"var": "email"}]}},
   "metadata": {"flagSetId": "x"}
}
`

// TestOnlyTheFlagIsTouched: everything before and behind it stays byte for byte, and so
// does what else the flag has; the mode, the link and the old content are kept.
func TestOnlyTheFlagIsTouched(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	real, path := filepath.Join(folder, "real.json"), filepath.Join(folder, "flags.json")
	if err := os.WriteFile(real, []byte(all), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.json", path); err != nil {
		t.Fatal(err)
	}
	store := Open(path, key)
	state, err := store.Load(t.Context())
	if f := state[key]; err != nil || len(state) != 1 || f.Enabled || f.Percentage != featureflag.Everybody {
		t.Fatalf("%v, %v", state, err)
	}
	f := featureflagtest.New(t, true, 1250, "b", "a")
	got, err := store.Write(t.Context(), featureflag.Change{Flag: f, Expect: state[key].Version})
	if err != nil || !got.Same(f) {
		t.Fatalf("%s, %v", got, err)
	}
	const begin, end = `"twitch_moderation": {`, "\n      },\n      \"dark-mode\""
	text := contentOf(t, real)
	if !strings.HasPrefix(text, all[:strings.Index(all, begin)]) || !strings.HasSuffix(text, all[strings.Index(all, end):]) {
		t.Errorf("what is around the flag was touched:\n%s", text)
	}
	want := `"twitch_moderation": {
        "state": "ENABLED",
        "variants": {
          "on": true,
          "off": false
        },
        "defaultVariant": "off",
        "targeting": {
          "if": [
            {
              "in": [
                {
                  "var": "targetingKey"
                },
                [
                  "a",
                  "b"
                ]
              ]
            },
            "on",
            {
              "fractional": [
                {
                  "cat": [
                    {
                      "var": "$flagd.flagKey"
                    },
                    {
                      "var": "targetingKey"
                    }
                  ]
                },
                [
                  "on",
                  1250
                ],
                [
                  "off",
                  8750
                ]
              ]
            }
          ]
        },
        "metadata": {
          "owner": "a & b <c>"
        }
      },`
	if !strings.Contains(text, want) {
		t.Errorf("the flag is not written as the page has it:\n%s", text)
	}
	if kept := contentOf(t, real+Backup); kept != all {
		t.Errorf("the old content is kept as\n%s", kept)
	}
	info, err := os.Stat(real)
	if link, lerr := os.Lstat(path); err != nil || lerr != nil || info.Mode().Perm() != 0o640 || link.Mode()&os.ModeSymlink == 0 {
		t.Errorf("mode %v, link %v", info.Mode(), link.Mode())
	}
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestAFlagIsAdded to whatever file there is, and read back.
func TestAFlagIsAdded(t *testing.T) {
	t.Parallel()
	for before, begin := range map[string]string{
		`{}`:                                "{\n  \"flags\": {\n    \"twitch_moderation\": {\n      \"state\"",
		" { \n } \n":                        " {\n  \"flags\": {\n    \"twitch_moderation\": {\n      \"state\"",
		`{"flags": {}}`:                     "{\"flags\": {\n  \"twitch_moderation\": {\n    \"state\"",
		"{\n  \"flags\": {\n  }\n}\n":       "{\n  \"flags\": {\n    \"twitch_moderation\": {\n      \"state\"",
		"{\n\t\"flags\": {\n\t\t\"a\": 1}}": "{\n\t\"flags\": {\n\t\t\"a\": 1,\n\t\t\"twitch_moderation\": {\n\t\t  \"state\"",
		`{"metadata": {"x": "{}"}}`:         "{\"metadata\": {\"x\": \"{}\"},\n\"flags\": {\n    \"twitch_moderation\"",
	} {
		path := file(t, before)
		f := featureflagtest.New(t, true, 1, "a")
		got, err := Open(path, key).Write(t.Context(), featureflag.Change{Flag: f})
		if err != nil || !got.Same(f) || !strings.HasPrefix(contentOf(t, path), begin) {
			t.Errorf("%q becomes %q, %s, %v", before, contentOf(t, path), got, err)
		}
	}
}

// TestWhatIsNotUnderstoodIsNotWrittenOver: another's flag of that name, a file that is
// not flagd's; the error says why, and quotes no user.
func TestWhatIsNotUnderstoodIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	const flag = `{"flags": {"twitch_moderation": %}}`
	const good = `"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"`
	for what, c := range map[string]struct{ content, why string }{
		"empty":                  {"", `{"flags": {}}`},
		"half":                   {`{"flags": {`, "not JSON"},
		"two":                    {`{"flags": {}} {}`, "not JSON"},
		"a list":                 {`[]`, "no JSON object"},
		"flags as a list":        {`{"flags": []}`, `"flags"`},
		"flags twice":            {`{"flags": {}, "flags": {}}`, `"flags"`},
		"flags, capitalized":     {`{"Flags": {}}`, `"flags"`},
		"a byte order mark":      {"\ufeff{}", "not JSON"},
		"no definition":          {`1`, "no flag definition"},
		"another state":          {`{"state": "ON"}`, "neither ENABLED nor DISABLED"},
		"a text":                 {`{"state": "ENABLED", "variants": {"on": "yes", "off": "no"}}`, "variants"},
		"three variants":         {`{"state": "ENABLED", "variants": {"on": true, "off": false, "x": true}}`, "variants"},
		"no default":             {`{"state": "ENABLED", "variants": {"on": true, "off": false}}`, "default variant"},
		"by e-mail":              {`{` + good + `, "targeting": {"if": [{"in": ["@x", {"var": "email"}]}, "on", "off"]}}`, "targetingKey"},
		"off is first":           {`{` + good + `, "targeting": {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}, ["off", 10], ["on", 90]]}}`, "weights"},
		"another seed":           {`{` + good + `, "targeting": {"fractional": [{"var": "email"}, ["on", 10], ["off", 90]]}}`, "$flagd.flagKey"},
		"a third":                {`{` + good + `, "targeting": {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}, ["on", 1], ["off", 2]]}}`, "hundredths"},
		"no weight at all":       {`{` + good + `, "targeting": {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}, ["on", 0], ["off", 0]]}}`, "hundredths"},
		"a user that is no text": {`{` + good + `, "targeting": {"if": [{"in": [{"var": "targetingKey"}, [1]]}, "on", {}]}}`, "texts"},
		"a user with a space":    {`{` + good + `, "targeting": {"if": [{"in": [{"var": "targetingKey"}, ["s3cret user"]]}, "on", {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}, ["on", 1], ["off", 9]]}]}}`, "space"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			content := c.content
			if strings.HasPrefix(content, `{"state`) || content == "1" {
				content = strings.Replace(flag, "%", content, 1)
			}
			path := file(t, content)
			if state, err := Open(path, key).Load(t.Context()); err == nil || !strings.Contains(err.Error(), c.why) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("loaded %v, %v", state, err)
			}
			for _, store := range []*Store{Open(path, key), Open(path)} {
				_, err := store.Write(t.Context(), featureflag.Change{Flag: featureflagtest.New(t, true, 1)})
				if err == nil || !strings.Contains(err.Error(), c.why) || !strings.Contains(err.Error(), "nothing was written") || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("writing says %v", err)
				}
			}
			if contentOf(t, path) != content {
				t.Error("it was written over")
			}
		})
	}
}

// TestWhatAPersonWrites is read for what it says.
func TestWhatAPersonWrites(t *testing.T) {
	t.Parallel()
	const head = `"state": "ENABLED", "variants": {"off": false, "on": true}, "defaultVariant": `
	fraction := func(weights string) string {
		return `{"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}, ` + weights + `]}`
	}
	for definition, want := range map[string]string{
		head + `"on"`:                     "100%",
		head + `"off", "targeting": {}`:   "0%",
		head + `"off", "targeting": null`: "0%",
		head + `"off", "targeting": ` + fraction(`["on", 25], ["off", 75]`):                                                                        "25%",
		head + `"on", "targeting": ` + fraction(`["on", 1], ["off", 7]`):                                                                           "12.5%",
		head + `"off", "targeting": ` + fraction(`["on", 1], ["off", 0]`):                                                                          "100%",
		head + `"off", "targeting": ` + fraction(`["on", 1.0], ["off", 9999e0]`):                                                                   "0.01%",
		head + `"off", "targeting": {"if": [{"in": [{"var": "targetingKey"}, ["b", "a", "a"]]}, "on", ` + fraction(`["on", 1], ["off", 1]`) + `]}`: "50% and 2 users",
	} {
		state, err := Open(file(t, `{"flags": {"twitch_moderation": {`+definition+`}}}`), key).Load(t.Context())
		if f := state[key]; err != nil || f.String() != key+" "+want {
			t.Errorf("%s is %s, %v, want %s", definition, f, err, want)
		}
	}
}

// TestTheVersionIsOfWhatIsSaid, and not of how it is indented.
func TestTheVersionIsOfWhatIsSaid(t *testing.T) {
	t.Parallel()
	versions := map[int64]bool{}
	for _, content := range []string{
		`{"flags": {"a": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}}}`,
		"{\"flags\":{\n\"a\":{\"state\":\"ENABLED\",\n\"variants\":{\"on\":true,\"off\":false},\"defaultVariant\":\"on\"}}}",
	} {
		state, err := Open(file(t, content)).Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		versions[state["a"].Version] = true
	}
	if len(versions) != 1 || versions[0] {
		t.Errorf("versions %v", versions)
	}
}

// TestWhoIsLateIsShownWhatStandsThere: the second of two operators.
func TestWhoIsLateIsShownWhatStandsThere(t *testing.T) {
	t.Parallel()
	path := file(t, alone(t, featureflagtest.New(t, true, 1000)))
	_, err := Open(path, key).Write(t.Context(), featureflag.Change{Flag: featureflagtest.New(t, true, 5000), Expect: 7})
	var conflict *featureflag.Conflict
	if !errors.As(err, &conflict) || conflict.Have.Percentage != 1000 {
		t.Errorf("%v", err)
	}
}

// TestManyUsers: as many as a flag can name are written and read back.
func TestManyUsers(t *testing.T) {
	t.Parallel()
	users := make([]string, featureflag.MaxUsers)
	for i := range users {
		users[i] = strings.Repeat("x", 120) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
	}
	f := featureflagtest.New(t, true, 1, users...)
	got, err := Open(file(t, `{}`), key).Write(t.Context(), featureflag.Change{Flag: f})
	if err != nil || !got.Same(f) || len(got.Users()) != featureflag.MaxUsers {
		t.Errorf("%d users, %v", len(got.Users()), err)
	}
}
