package backup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/backup"
)

func TestListSaysWhatEachBackupIsWorthNewestFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	manifest := func(stamp string, bytes int) string {
		return fmt.Sprintf(`{"schema":"clipperops/backup/v1","file":"db-%s.sql.gz","bytes":%d,"added_by_a_newer_version":1}`, stamp, bytes)
	}
	put("db-20260101-000000.sql.gz", "12345")
	put("db-20260101-000000.json", manifest("20260101-000000", 5))
	put("db-20260102-000000.sql.gz", "12")
	put("db-20260102-000000.json", manifest("20260102-000000", 5))
	put("db-20260103-000000.sql.gz", "12345")
	put("db-20260104-000000.sql.gz.partial", "12")
	put("db-20260105-000000.json", manifest("20260105-000000", 5))
	put("db-20260106-000000.sql.gz", "")
	put("db-20260106-000000.json", "{}")
	put("db-20260107-000000.sql.gz", "12345")
	put("db-20260107-000000.json", "no JSON")
	for _, foreign := range []string{"db-2026.sql.gz", "db-20261399-000000.sql.gz", "notes.txt", "db-20260101-000000.sql", "other-20260101-000000.sql.gz"} {
		put(foreign, "x")
	}

	entries, err := backup.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %d", e.Name, e.Status, e.Bytes))
		if (e.Status == backup.StatusComplete) != (e.Problem == "") {
			t.Errorf("%s: status %s, problem %q", e.Name, e.Status, e.Problem)
		}
		if want := e.Taken.Format("20060102-150405"); !strings.Contains(e.Name, want) || e.Taken.Location() != time.UTC {
			t.Errorf("%s taken %s", e.Name, e.Taken)
		}
	}
	want := []string{
		"db-20260107-000000.sql.gz damaged 5",
		"db-20260106-000000.sql.gz damaged 0",
		"db-20260105-000000.sql.gz no dump 0",
		"db-20260104-000000.sql.gz.partial partial 2",
		"db-20260103-000000.sql.gz no manifest 5",
		"db-20260102-000000.sql.gz damaged 2",
		"db-20260101-000000.sql.gz complete 5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestADirectoryThatDoesNotExistHasNoBackups(t *testing.T) {
	t.Parallel()
	entries, err := backup.List(filepath.Join(t.TempDir(), "never"))
	if err != nil || len(entries) != 0 {
		t.Errorf("entries %v, error %v", entries, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.List(file); err == nil {
		t.Error("a file is listed as a directory")
	}
}
