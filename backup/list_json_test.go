package backup_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/backup"
)

// Guards against keys spelled as Go spells its fields: scripts read them.
func TestTheListAsJSONHasTheKeysThatScriptsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"db-20260213-031502.sql.gz": "12345",
		"db-20260213-031502.json":   `{"schema": "clipperops/backup/v1", "file": "db-20260213-031502.sql.gz", "bytes": 5, "schema_version": 10}`,
		"db-20260101-000000.sql.gz": "1",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := backup.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "list.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), strings.ReplaceAll(string(got), dir, "DIR")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
