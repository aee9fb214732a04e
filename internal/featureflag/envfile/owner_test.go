package envfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/envfile"
	"github.com/clipper/clipperops/internal/featureflag/featureflagtest"
)

// TestTheOwnerAndTheModeAreKept, in the file and in the copy of what it was: root
// sets a flag, and the service still reads its file and nobody else does.
func TestTheOwnerAndTheModeAreKept(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const uid, gid = 12345, 23456
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte("SECRET=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o460); err != nil {
		t.Fatal(err)
	}
	if _, err := envfile.Open(path).Write(t.Context(), featureflag.Change{Flag: featureflagtest.New(t, true, 1)}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + envfile.Backup} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid != uid || owner.Gid != gid || info.Mode().Perm() != 0o460 {
			t.Errorf("%s is %d:%d %v", filepath.Base(name), owner.Uid, owner.Gid, info.Mode().Perm())
		}
	}
}
