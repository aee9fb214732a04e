package config

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/joho/godotenv"
)

func TestDotenvIsReadAsGodotenvReadsItWithTheLineOfEveryKey(t *testing.T) {
	t.Parallel()
	type found struct {
		Text        string
		Line, Again int
		Lossy       bool
	}
	for name, tc := range map[string]struct {
		body string
		want map[string]found
	}{
		"empty":    {"", map[string]found{}},
		"comments": {"# a\n\n  # b\n", map[string]found{}},
		"plain": {
			"# database\nDB_HOST=db\n\nexport DB_PORT = 5432 # the port\nDB_NAME: clipper",
			map[string]found{"DB_HOST": {"db", 2, 0, false}, "DB_PORT": {"5432", 4, 0, false}, "DB_NAME": {"clipper", 5, 0, false}},
		},
		"Windows": {
			"\ufeffDB_HOST=db\r\nDB_PORT=1\r\n",
			map[string]found{"DB_HOST": {"db", 1, 0, false}, "DB_PORT": {"1", 2, 0, false}},
		},
		"quotes over several lines": {
			"A=\"one\n# two\nthree\"\nB='x\n\ny'\nC=1\n",
			map[string]found{"A": {"one\n# two\nthree", 1, 0, false}, "B": {"x\n\ny", 4, 0, false}, "C": {"1", 7, 0, false}},
		},
		"variables": {
			"A=1\nB=${A}2\nC=p$X9y\nD='p$X9y'\nE=\"p\\$X9\"\n",
			map[string]found{"A": {"1", 1, 0, false}, "B": {"12", 2, 0, false}, "C": {"py", 3, 0, true}, "D": {"p$X9y", 4, 0, false}, "E": {"p$X9", 5, 0, false}},
		},
		"twice": {
			"A=1\nA=1\nB=1\nB=2\n",
			map[string]found{"A": {"1", 2, 0, false}, "B": {"2", 3, 4, false}},
		},
		"empty values": {"A=\nB=''\n", map[string]found{"A": {"", 1, 0, false}, "B": {"", 2, 0, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vars, complaint := parseDotenv([]byte(tc.body))
			if complaint != "" {
				t.Fatal(complaint)
			}
			got := make(map[string]found)
			for key, v := range vars {
				got[key] = found{v.text, v.line, v.again, v.lossy}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Guards against godotenv's own errors, which print the rest of the file.
func TestMalformedDotenvNamesTheLineAndNothingOfTheFile(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"A=1\nDB_PASSWORD c4nary\nB=2":             "line 2 is not KEY=value",
		"DB_PASSWORD=\"c4nary\n":                   "line 1 opens a quote that is never closed",
		"A=1\n\nDB_PASSWORD=\"c4nary\nB=\"2\"\nC=": "line 3 is not KEY=value (its quote reaches line 4)",
		"c4nary":                         "line 1 is not KEY=value",
		"=c4nary":                        "line 1 is not KEY=value",
		"DB HOST=c4nary":                 "line 1 is not KEY=value",
		"DATABASE_URL postgres://c4nary": "line 1 is not KEY=value",
		"A='c4nary' c4nary":              "line 1 is not KEY=value",
		"A=1\nB=\xffc4nary":              "line 2 is not UTF-8 text",
		"A=1\nB=c4nary\x00":              "line 2 is not UTF-8 text",
	} {
		_, got := parseDotenv([]byte(body))
		if got != want || strings.Contains(got, "c4nary") {
			t.Errorf("%q: complaint is %q, want %q", body, got, want)
		}
	}
}

func FuzzDotenv(f *testing.F) {
	for _, seed := range []string{
		"A=1\n", "export A='x\ny' # c\nB=\"$A\"", "A: b", "A=\"x", "\ufeffA=1\r\n", "A=\\\"x\n", "A='\\''\nB", "A=''B=1\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		vars, complaint := parseDotenv([]byte(body))
		if complaint != "" {
			return
		}
		whole, err := godotenv.Unmarshal(strings.TrimPrefix(body, "\ufeff") + "\n")
		if err != nil {
			t.Fatalf("accepted what godotenv refuses: %v", err)
		}
		got := make(map[string]string)
		for key, v := range vars {
			got[key] = v.text
			if v.line < 1 || v.line > strings.Count(body, "\n")+1 {
				t.Fatalf("%q stands in line %d of a file that has none", key, v.line)
			}
		}
		if !maps.Equal(whole, got) {
			t.Fatalf("godotenv reads %q, we read %q", whole, got)
		}
	})
}

func TestTextFilesAreLimited(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, make([]byte, maxYAML+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readText(path, maxYAML); err == nil || !strings.HasSuffix(err.Error(), "larger than 64 KiB") {
		t.Errorf("error is %v", err)
	}
	if _, _, err := readText(filepath.Dir(path), maxYAML); err == nil || !strings.HasSuffix(err.Error(), "is a directory") {
		t.Errorf("error is %v", err)
	}
	if _, _, err := readText(path, maxYAML+1); err != nil {
		t.Error(err)
	}
}
