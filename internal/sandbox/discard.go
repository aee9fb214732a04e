package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// discardTimeout bounds ending a server and removing its directory.
const discardTimeout = 40 * time.Second

// discard ends whatever runs on a server's directory and removes the directory.
// It goes by what lies there, whoever made it, and works on a half-made one.
func discard(ctx context.Context, dir string) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	st, err := readState(dir)
	if err == nil && st.Container != "" {
		if err := removeContainer(limited, st.Docker, st.Container, dir); err != nil {
			return err
		}
	}
	if err := st.stopPostmaster(limited, dir); err != nil {
		return err
	}
	return removeDir(limited, dir)
}

// stopPostmaster ends the local server of a directory, if one runs: a fast
// shutdown first, an immediate one when that takes too long, then SIGKILL.
func (st state) stopPostmaster(ctx context.Context, dir string) error {
	p, ok := readPostmaster(dataDir(dir))
	if !ok {
		return nil
	}
	if !p.alive() {
		p.removeSegment()
		return nil
	}
	if st.Started != 0 && st.Started != p.started {
		return &ops.Failure{
			What:  fmt.Sprintf("the server in %s (pid %d) is not the one that was started here", dir, p.pid),
			State: []string{"it was left running"},
			Next:  []string{fmt.Sprintf("if nobody needs it: kill -INT %d   then the same command again", p.pid)},
		}
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := syscall.Kill(p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stopping the server (pid %d): %w", p.pid, err)
		}
		if err := poll(ctx, stopTimeout/2, func() bool { return !p.alive() }); err == nil {
			p.removeSegment()
			return nil
		}
	}
	return fmt.Errorf("the server (pid %d) does not end", p.pid)
}

// removeDir removes a directory; a killed server's last processes may still be
// writing to it. The file that says whose it is goes last, so that whatever
// interrupts this, the next start knows the rest as its own.
func removeDir(ctx context.Context, dir string) error {
	var err error
	_ = poll(ctx, 10*time.Second, func() bool {
		err = removeAllBut(dir, stateFile, ownerFile)
		if err == nil {
			err = os.RemoveAll(dir)
		}
		return err == nil
	})
	return err
}

func removeAllBut(dir string, last ...string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !slices.Contains(last, e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// errTooLong says that a condition did not come true in time.
var errTooLong = errors.New("it took too long")

// poll waits until the condition is true, asking ever less often.
func poll(ctx context.Context, limit time.Duration, condition func() bool) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	pause := 2 * time.Millisecond
	for !condition() {
		pause = min(pause*3/2, 100*time.Millisecond)
		again := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			again.Stop()
			return ctx.Err()
		case <-deadline.C:
			again.Stop()
			return errTooLong
		case <-again.C:
		}
	}
	return nil
}
