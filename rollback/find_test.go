package rollback

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestArchivesOfARunAreFoundByIt guards against an archive that nobody finds after
// its run was killed, and against a manifest that points outside its directory.
func TestArchivesOfARunAreFoundByIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, m := range map[string]Manifest{
		"archive-20260213-031502.json":             {Run: "01A", File: "archive-20260213-031502.zip"},
		"archive-20260213-031502-late-000069.json": {Run: "01A", File: "archive-20260213-031502-late-000069.zip"},
		"archive-20260213-031600.json":             {Run: "01B", File: "archive-20260213-031600.zip"},
		"archive-20260213-031700.json":             {Run: "01A", File: "../../etc/passwd"},
	} {
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "archive-broken.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{
		filepath.Join(dir, "archive-20260213-031502-late-000069.zip"),
		filepath.Join(dir, "archive-20260213-031502.zip"),
	}
	if diff := cmp.Diff(want, ArchivesOf(dir, "01A")); diff != "" {
		t.Error(diff)
	}
	if got := ArchivesOf(filepath.Join(dir, "nowhere"), "01A"); got != nil {
		t.Errorf("found %v in no directory", got)
	}
}
