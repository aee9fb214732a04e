package metricstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrMissing says that there is no Prometheus to start.
var ErrMissing = errors.New("no prometheus program in PATH nor where make prometheus puts it; run: make prometheus")

// Find is the prometheus program: of PATH, else the one that Install put away.
func Find() (string, error) {
	if path, err := exec.LookPath("prometheus"); err == nil {
		return path, nil
	}
	folder, err := folder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "usr", "bin", "prometheus")
	if _, err := os.Stat(path); err != nil {
		return "", ErrMissing
	}
	return path, nil
}

// folder is where the program is put. Root's own is closed to the user that a
// server is run as.
func folder() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/clipperops/prometheus", nil
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "clipperops", "prometheus"), err
}

// Install gets a Prometheus for tests. Debian's package is unpacked into a folder
// rather than installed, which needs no root and starts no service.
func Install(ctx context.Context, out io.Writer) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		for program, command := range map[string]string{
			"brew": "brew install prometheus", "apk": "apk add --no-cache prometheus", "pacman": "pacman -Sy --noconfirm prometheus",
			"dnf": "dnf install -y golang-github-prometheus",
		} {
			if _, err := exec.LookPath(program); err == nil {
				return run(ctx, out, "", strings.Fields(command)...)
			}
		}
		return errors.New("no package manager is known here; put prometheus (https://prometheus.io/download) into PATH")
	}
	to, err := folder()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	// Apart from the folder, so that what is there is whole.
	scratch, err := os.MkdirTemp(filepath.Dir(to), "prometheus-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := run(ctx, out, scratch, "apt-get", "download", "prometheus"); err != nil {
		update := []string{"apt-get", "update"} // a fresh machine has no list of packages
		if os.Geteuid() != 0 {
			update = append([]string{"sudo"}, update...)
		}
		if err := run(ctx, out, "", update...); err != nil {
			return err
		}
		if err := run(ctx, out, scratch, "apt-get", "download", "prometheus"); err != nil {
			return err
		}
	}
	packages, err := filepath.Glob(filepath.Join(scratch, "prometheus_*.deb"))
	if err != nil || len(packages) != 1 {
		return fmt.Errorf("apt-get download left %d packages", len(packages))
	}
	unpacked := filepath.Join(scratch, "unpacked")
	if err := run(ctx, out, "", "dpkg-deb", "-x", packages[0], unpacked); err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.Chmod(unpacked, 0o755); err != nil {
		return err
	}
	return os.Rename(unpacked, to)
}

func run(ctx context.Context, out io.Writer, dir string, command ...string) error {
	fmt.Fprintln(out, "no Prometheus here; running:", strings.Join(command, " "))
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return nil
}
