package featureflag_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/murmur3"

	"github.com/clipper/clipperops/internal/featureflag"
)

// page is where the vectors and the references are published.
const page = "../../docs/bucketing.md"

// vectors are the users of the published table. New ones are added; none is
// changed, because a changed bucket moves users in and out of features.
var vectors = []struct {
	key, user string
	hash      uint32
	bucket    uint32
}{
	{"", "", 0x00000000, 0},
	{"test", "", 0xba6bd213, 7282},                                        // the hash as the reference has it
	{"Hello, ", "world!", 0xc0363e43, 7508},                               // the same
	{"The quick brown fox jumps ", "over the lazy dog", 0x2e4ff723, 1809}, // the same
}

// TestPublishedVectors: the page's table is what this program computes, and its hash
// is MurmurHash3 as others have published it.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		if h := murmur3.StringSum32(v.key + v.user); h != v.hash {
			t.Errorf("murmur3(%q) is %#08x, published is %#08x", v.key+v.user, h, v.hash)
		}
		if b := featureflag.Bucket(v.key, v.user); b != v.bucket {
			t.Errorf("the bucket of %q, %q is %d, want %d", v.key, v.user, b, v.bucket)
		}
	}
	rows := publishedRows(t)
	if len(rows) < 10 {
		t.Fatalf("%s has %d vectors; the test would prove nothing", page, len(rows))
	}
	for _, r := range rows {
		h := murmur3.StringSum32(r.key + r.user)
		want := fmt.Sprintf("0x%08x %d", h, featureflag.Bucket(r.key, r.user))
		if r.result != want {
			t.Errorf("%s says %q of %q, %q; it is %s", page, r.result, r.key, r.user, want)
		}
	}
}

type row struct{ key, user, result string }

// publishedRows reads the page's table: | `"key"` | `"user"` | `hash` | bucket |
func publishedRows(t *testing.T) []row {
	t.Helper()
	var rows []row
	for line := range strings.Lines(read(t, page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || !strings.HasPrefix(strings.TrimSpace(cells[0]), "`\"") {
			continue
		}
		var r row
		for i, into := range []*string{&r.key, &r.user} {
			if err := json.Unmarshal([]byte(strings.Trim(cells[i], " `")), into); err != nil {
				t.Fatalf("%s: %s: %v", page, line, err)
			}
		}
		r.result = strings.Trim(cells[2], " `") + " " + strings.TrimSpace(cells[3])
		rows = append(rows, r)
	}
	return rows
}

// TestThePageHasTheReferences word for word, so that what is read is what was tested.
func TestThePageHasTheReferences(t *testing.T) {
	t.Parallel()
	text := read(t, page)
	for language, file := range map[string]string{"javascript": "bucketing.js", "python": "bucketing.py"} {
		if !strings.Contains(text, "```"+language+"\n"+read(t, filepath.Join("testdata", file))+"```\n") {
			t.Errorf("%s does not have testdata/%s as it is", page, file)
		}
	}
}

// asked is one question to a reference, and answer what it says.
type asked struct {
	Enabled    bool                   `json:"enabled"`
	Key        string                 `json:"key"`
	Percentage featureflag.Percentage `json:"-"`
	Hundredths uint16                 `json:"percentage"`
	Users      []string               `json:"users"`
	User       string                 `json:"user"`
}

type answer struct {
	Bucket uint32 `json:"bucket"`
	On     bool   `json:"on"`
}

// The programs that put the questions to a reference.
const (
	askJavaScript = `const b = require(process.argv[1]); const ask = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(ask.map(f => ({bucket: b.bucket(f.key, f.user), on: b.isOn(f, f.user)}))));`
	askPython = `import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("bucketing", sys.argv[1]); b = importlib.util.module_from_spec(spec); spec.loader.exec_module(b)
ask = json.loads(sys.stdin.buffer.read().decode("utf-8"))
print(json.dumps([{"bucket": b.bucket(f["key"], f["user"]), "on": b.is_on(f, f["user"])} for f in ask]))`
)

// TestReferencesAgree: JavaScript and Python decide as Go does, for ids of every
// length and script, at and beside the bucket's own percentage.
func TestReferencesAgree(t *testing.T) {
	t.Parallel()
	for program, arguments := range map[string][]string{
		"node":    {"-e", askJavaScript, "bucketing.js"},
		"python3": {"-B", "-c", askPython, "bucketing.py"},
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(program)
			if err != nil {
				t.Skipf("%s is not installed", program)
			}
			questions := makeQuestions(20_000)
			compare(t, questions, ask(t, path, arguments, questions))
		})
	}
}

func ask(t *testing.T, program string, arguments []string, questions []asked) []answer {
	t.Helper()
	input, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs(filepath.Join("testdata", arguments[len(arguments)-1]))
	if err != nil {
		t.Fatal(err)
	}
	arguments = append(arguments[:len(arguments)-1:len(arguments)-1], file)
	cmd := exec.CommandContext(t.Context(), program, arguments...)
	cmd.Stdin = bytes.NewReader(input)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaint.String())
	}
	var answers []answer
	if err := json.Unmarshal(output, &answers); err != nil || len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions, %v", len(answers), len(questions), err)
	}
	return answers
}

func compare(t *testing.T, questions []asked, answers []answer) {
	t.Helper()
	wrong := 0
	for i, q := range questions {
		f, err := featureflag.New(q.Key, q.Enabled, q.Percentage, q.Users)
		if err != nil {
			t.Fatal(err)
		}
		if want := (answer{featureflag.Bucket(q.Key, q.User), f.On(q.User)}); answers[i] != want {
			t.Errorf("%+v: %+v, want %+v", q, answers[i], want)
			if wrong++; wrong == 5 {
				return
			}
		}
	}
}

func makeQuestions(n int) []asked {
	random := rand.New(rand.NewPCG(3, 4))
	letters := []rune("abcxyz0189-_ÄßжЯ漢字🙂\u0000 '\"\\")
	questions := make([]asked, n)
	for i := range questions {
		var user strings.Builder
		for range random.IntN(41) {
			user.WriteRune(letters[random.IntN(len(letters))])
		}
		q := asked{Key: []string{"twitch_moderation", "a", "ab", "abc"}[i%4], User: user.String(), Enabled: random.IntN(10) > 0, Users: []string{}}
		bucket := int(featureflag.Bucket(q.Key, q.User))
		q.Percentage = featureflag.Percentage([]int{0, bucket, bucket + 1, 10_000, random.IntN(10_001)}[i%5])
		q.Hundredths = uint16(q.Percentage)
		if i%7 == 0 {
			q.Users = []string{"somebody"}
			if i%2 == 0 {
				q.User = "somebody"
			}
		}
		questions[i] = q
	}
	return questions
}

func read(t *testing.T, path string) string {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
