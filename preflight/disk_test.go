package preflight_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/preflight"
)

func TestDisk(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t))
	in.BackupDir = t.TempDir()
	shows(t, expect(t, in, "db.disk.local", ops.StatusPass, "free in "+in.BackupDir), "estimated at", "50 % of the database's")

	in.Thresholds.DumpRatio = 1e12
	advises(t, expect(t, in, "db.disk.local", ops.StatusFail, "the dump may need"), "BACKUP_DIR")

	in.Server.DatabaseBytes = -1
	expect(t, in, "db.disk.local", ops.StatusWarn, "whether that is enough is not known")
	in.BackupWaived = "--skip-backup"
	expect(t, in, "db.disk.local", ops.StatusSkip, "--skip-backup")
}

func TestDiskOfADirectoryThatWillBeMade(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := filepath.Join(base, "not", "yet")
	shows(t, expect(t, preflight.Input{BackupDir: dir}, "db.disk.local", ops.StatusPass, "free in "+base), "will be made in: "+base)
	if entries, err := os.ReadDir(base); err != nil || len(entries) > 0 {
		t.Errorf("the check made something: %v, %v", entries, err)
	}
}

func TestDiskOfWhatIsNoDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, preflight.Input{BackupDir: file}, "db.disk.local", ops.StatusFail, file+" is not a directory")
	expect(t, preflight.Input{BackupDir: filepath.Join(file, "below")}, "db.disk.local", ops.StatusFail, file+" is not a directory")
}
