package preflight_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/preflight"
)

// TestDiskThatCannotBeWritten uses /proc, which not even root can write to.
func TestDiskThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	r := expect(t, preflight.Input{BackupDir: "/proc/sys/backups"}, "db.disk.local", ops.StatusFail, "/proc/sys cannot be written")
	advises(t, r, "BACKUP_DIR")
}
