package backup_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// The variables that make this test program a helper: what it does, where, and
// with which database.
const (
	helperRole = "BACKUP_TEST_ROLE"
	helperDir  = "BACKUP_TEST_DIR"
	helperURL  = "BACKUP_TEST_URL"
)

// TestMain lets the tests start this program as one that is killed, or whose
// files may not grow: neither can be done to the tests' own process.
func TestMain(m *testing.M) {
	role := os.Getenv(helperRole)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := beHelper(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// helper is a command that works on a large database of its own.
func helper(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	target := pgtest.New(t)
	large(t, target)
	return helperOn(t, role, dir, target)
}

func helperOn(t *testing.T, role, dir string, target config.Target) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), helperRole+"="+role, helperDir+"="+dir, helperURL+"="+target.URL().Reveal())
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		}
	})
	return cmd
}

func beHelper(role string) error {
	target, err := config.ParseTarget(os.Getenv(helperURL))
	if err != nil {
		return err
	}
	ctx := context.Background()
	p, err := pg.FindPrograms(ctx, pg.ProgramOptions{PathEnv: os.Getenv("PATH"), Environ: os.Environ()})
	if err != nil {
		return err
	}
	dir := os.Getenv(helperDir)
	o := backup.Options{Target: target, Dir: filepath.Join(dir, "backups"), Programs: p}
	switch role {
	case "stalled": // in the middle, until it is killed
		o.Progress = func(ops.Progress) { select {} }
		_, err = backup.Create(ctx, o)
		return err
	case "limited":
		return beLimited(ctx, o)
	case "restoring":
		r := backup.RestoreOptions{File: dir, Into: target, Programs: p, Progress: func(p ops.Progress) {
			if p.Label == "restore" && p.Done == p.Total {
				select {}
			}
		}}
		_, err = backup.Restore(ctx, r)
		return err
	}
	return fmt.Errorf("no helper %q", role)
}

// beLimited backs up with files limited to 64 kB and succeeds when that is
// said to be a full disk.
func beLimited(ctx context.Context, o backup.Options) error {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	_, err := backup.Create(ctx, o)
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		return fmt.Errorf("the backup answers: %w", err)
	}
	return nil
}
