package reports

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/google/go-cmp/cmp"
)

func TestFormatIsToldByExtension(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]Format{
		"a.txt": FormatText, "/x/b.json": FormatJSON, "c.md": FormatMarkdown, "d.e.HTML": FormatHTML, "f.xml": FormatJUnit,
	} {
		if got, err := FormatOf(path); err != nil || got != want {
			t.Errorf("FormatOf(%q) = %q, %v, want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"report", "report.pdf", ".", "dir.html/report"} {
		_, err := FormatOf(path)
		var f *ops.Failure
		if !errors.As(err, &f) || f.Code != ops.ExitUsage || !strings.Contains(strings.Join(f.Detail, " "), ".html") {
			t.Errorf("FormatOf(%q) = %v, want a Failure with ExitUsage that names the extensions", path, err)
		}
	}
}

func TestWriteFileIsPrivateAndMakesItsDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "run.json")
	if err := WriteFile(path, FormatJSON, passed(t)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Join(dir, "a"): 0o700, filepath.Join(dir, "a", "b"): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := DecodeRun(f); err != nil {
		t.Error(err)
	}
}

// TestWriteFileLeavesNoHalfFile guards against a report that replaces a good one
// and is not whole itself, and against temporary files left lying about.
func TestWriteFileLeavesNoHalfFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "run.json")
	if err := os.WriteFile(path, []byte("the one before"), 0o644); err != nil {
		t.Fatal(err)
	}
	unencodable := passed(t)
	unencodable.Data = func() {}
	err := WriteFile(path, FormatJSON, unencodable)
	var f *ops.Failure
	if !errors.As(err, &f) || f.Code != ops.ExitFailed {
		t.Errorf("WriteFile returned %v, want a Failure", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "the one before" {
		t.Errorf("the file before became %q", got)
	}
	if err := WriteFile(filepath.Join(path, "below.json"), FormatJSON, passed(t)); !errors.As(err, &f) {
		t.Errorf("a directory that cannot be made gave %v", err)
	}
	taken := filepath.Join(dir, "taken.json")
	if err := os.MkdirAll(filepath.Join(taken, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(taken, FormatJSON, passed(t)); !errors.As(err, &f) {
		t.Errorf("a path that is a directory gave %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"run.json", "taken.json"}, names); diff != "" {
		t.Errorf("the directory holds (-want +got):\n%s", diff)
	}
}

func TestWriteOfAnUnknownFormatIsAFailure(t *testing.T) {
	t.Parallel()
	var f *ops.Failure
	if err := Write(new(bytes.Buffer), "pdf", passed(t)); !errors.As(err, &f) || f.Code != ops.ExitUsage {
		t.Errorf("got %v", err)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	for name, run := range runs(t) {
		var first, second bytes.Buffer
		if err := JSON(&first, run); err != nil {
			t.Fatal(err)
		}
		d, err := DecodeRun(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := d.Encode(&second); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.String(), second.String()); diff != "" {
			t.Errorf("%s changed on the way (-first +second):\n%s", name, diff)
		}
		if d.ExitCode != run.ExitCode() || d.Outcome != run.Outcome() || (d.Error != nil) != (run.Err != nil) {
			t.Errorf("%s: exit code %d, outcome %s, error %v", name, d.ExitCode, d.Outcome, d.Error)
		}
		if started, err := time.Parse(time.RFC3339, d.Started); err != nil || !started.Equal(run.Started) {
			t.Errorf("%s: started is %q, %v", name, d.Started, err)
		}
	}
}

func TestJSONListsAreNeverNull(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	run := newStage(t, "preflight").step("database", 0, nil).finish(&ops.Failure{What: "it broke"})
	if err := JSON(&b, run); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "null") {
		t.Errorf("null in\n%s", b.String())
	}
}

func TestDecodeRunRefusesWhatIsNotARun(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"", "{", `{"schema":"clipperops/list/v1"}`, `{"schema":"clipperops/run/v1","colour":"red"}`} {
		if _, err := DecodeRun(strings.NewReader(doc)); err == nil {
			t.Errorf("%q was taken for a run", doc)
		}
	}
}
