package pgtest

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/sandbox"
)

// imageRepository is the name of images made by Image; its tags tell what is in them.
const imageRepository = "clipperops-test-postgres"

// entrypoint does what that of the official image does, as far as servers for
// tests need it.
//
//go:embed entrypoint.sh
var entrypoint string

// Image returns the name of a PostgreSQL image that behaves as the official one
// does, for tests of what runs on Docker. On Linux it is made of the machine's
// own programs, so that no registry is needed, and kept for the next run. Without
// a Docker engine the test is skipped: there is nothing it could prove.
func Image(t testing.TB) string {
	t.Helper()
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("no docker program on PATH")
	}
	if out, err := exec.CommandContext(t.Context(), docker, "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		t.Skipf("no Docker engine answers: %s", strings.TrimSpace(string(out)))
	}
	local, err := sandbox.Find(t.Context(), sandbox.ServerOptions{PathEnv: os.Getenv("PATH"), Backend: sandbox.BackendLocal})
	if runtime.GOOS != "linux" || err != nil {
		return sandbox.DefaultImage // the engine can fetch it, or the test fails saying so
	}
	name, err := makeImage(t.Context(), docker, local)
	if err != nil {
		t.Fatalf("making an image of %s: %v", local.BinDir, err)
	}
	return name
}

// makeImage imports the machine's PostgreSQL unless it was before. Of several
// processes one does it.
func makeImage(ctx context.Context, docker string, local sandbox.Installation) (string, error) {
	info, err := os.Stat(filepath.Join(local.BinDir, "postgres"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s %s", local.BinDir, info.Size(), info.ModTime(), entrypoint))
	name := fmt.Sprintf("%s:%d-%x", imageRepository, local.Major, sum[:6])

	lock, err := os.OpenFile(filepath.Join(os.TempDir(), imageRepository+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close() //nolint:errcheck // the lock goes with it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if exec.CommandContext(ctx, docker, "image", "inspect", name).Run() == nil {
		return name, nil
	}
	if err := removeImages(ctx, docker); err != nil {
		return "", err
	}
	return name, importImage(ctx, docker, name, local)
}

// removeImages removes those of programs that have been replaced since.
func removeImages(ctx context.Context, docker string) error {
	out, err := exec.CommandContext(ctx, docker, "images", "--quiet", imageRepository).Output()
	if err != nil {
		return err
	}
	for _, id := range strings.Fields(string(out)) {
		_ = exec.CommandContext(ctx, docker, "rmi", "--force", id).Run() // a test in progress may hold it
	}
	return nil
}

func importImage(ctx context.Context, docker, name string, local sandbox.Installation) error {
	limited, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(limited, docker, "import",
		"--change", "ENV PATH="+local.BinDir+":/bin PGDATA=/var/lib/postgresql/data",
		"--change", "USER 999", "--change", `ENTRYPOINT ["/bin/sh","/entrypoint.sh"]`, "--change", `CMD ["postgres"]`,
		"--change", "EXPOSE 5432", "--change", "VOLUME /var/lib/postgresql/data",
		"-", name)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		return err
	}
	err = errors.Join(writeImage(ctx, stdin, local), stdin.Close())
	if waited := cmd.Wait(); waited != nil {
		return fmt.Errorf("docker import: %w: %s", errors.Join(err, waited), strings.TrimSpace(complaint.String()))
	}
	return err
}
