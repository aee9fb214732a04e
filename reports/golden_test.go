package reports

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/name, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); run the test with -update if that is meant:\n%s", path, diff)
	}
}

func TestEveryFormatOfEveryRunIsGolden(t *testing.T) {
	t.Parallel()
	for name, run := range runs(t) {
		for _, e := range extensions {
			var b bytes.Buffer
			if err := Write(&b, e.format, run); err != nil {
				t.Fatalf("%s as %s: %v", name, e.format, err)
			}
			golden(t, name+e.ext, b.Bytes())
		}
	}
}

func TestTheSameRunGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	for _, e := range extensions {
		var first, second bytes.Buffer
		if err := Write(&first, e.format, passed(t)); err != nil {
			t.Fatal(err)
		}
		if err := Write(&second, e.format, passed(t)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("two renderings of one run as %s differ", e.format)
		}
	}
}

func TestTextAtEveryWidthIsGolden(t *testing.T) {
	t.Parallel()
	for name, run := range runs(t) {
		for _, width := range []int{40, 60, 80} {
			for suffix, l := range map[string]Layout{"": {Width: width}, "-ascii": {Width: width, ASCII: true}} {
				var b bytes.Buffer
				if err := Text(&b, run, l); err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join("width", name+"-"+strconv.Itoa(width)+suffix+".txt"), b.Bytes())
			}
		}
	}
}
