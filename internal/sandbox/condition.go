package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// Condition is what a sandbox's directory shows.
type Condition string

// The conditions of a sandbox.
const (
	// Absent: there is none.
	Absent Condition = "absent"
	// Running: it is there and its server runs.
	Running Condition = "running"
	// Dead: it was complete, but its server was killed.
	Dead Condition = "dead"
	// Unfinished: it was never completed, its maker was killed or is at work.
	Unfinished Condition = "unfinished"
)

// Status tells the condition of the sandbox, with the sandbox unless it is
// absent. It changes nothing.
func Status(ctx context.Context, o Options) (Condition, *Sandbox, error) {
	dir, err := o.dir()
	if err != nil {
		return "", nil, err
	}
	condition, st, err := examine(ctx, dir)
	if err != nil || condition == Absent {
		return condition, nil, err
	}
	return condition, st.sandbox(dir), nil
}

// examine looks at a directory.
func examine(ctx context.Context, dir string) (Condition, state, error) {
	st, err := readState(dir)
	if errors.Is(err, errNoState) {
		return Absent, st, nil
	}
	if errors.Is(err, os.ErrPermission) {
		return "", st, &ops.Failure{
			Code: ops.ExitUsage, What: "the sandbox in " + dir + " belongs to somebody else", State: []string{"nothing was touched"},
			Next: []string{"choose another directory with --dir"}, Err: err,
		}
	}
	if err != nil {
		return Unfinished, st, nil // it is not what was written
	}
	if !st.Ready {
		return Unfinished, st, nil
	}
	running, err := st.running(ctx, dir)
	switch {
	case err != nil:
		return "", st, err
	case running:
		return Running, st, nil
	default:
		return Dead, st, nil
	}
}

// running reports whether the server that the state describes runs.
func (st state) running(ctx context.Context, dir string) (bool, error) {
	if st.Container == "" {
		p, ok := readPostmaster(dataDir(dir))
		return ok && p.pid == st.PID && p.started == st.Started && p.alive(), nil
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return containerRuns(limited, st.Docker, st.Container)
}

// Stop stops the sandbox and removes all of it. It reports whether there was one.
func Stop(ctx context.Context, o Options) (bool, error) {
	dir, err := o.dir()
	if err != nil {
		return false, err
	}
	if _, err := readState(dir); errors.Is(err, errNoState) {
		return false, nil
	}
	dir, release, err := o.claim()
	if err != nil {
		return false, err
	}
	defer release()
	if _, err := readState(dir); errors.Is(err, errNoState) {
		return false, nil // somebody else's stop was faster
	}
	if err := discard(ctx, dir); err != nil {
		return true, err
	}
	if o.Dir == "" {
		_ = os.Remove(filepath.Dir(dir)) // ours too, when nothing else is in it
	}
	return true, nil
}

// Reset gives a running sandbox a new Clipper database of o.Users users, on the
// same server with the same password; one that does not run is started. When it
// is interrupted, the next Start begins anew.
func Reset(ctx context.Context, o Options) (*Sandbox, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, release, err := o.claim()
	if err != nil {
		return nil, err
	}
	defer release()
	condition, st, err := examine(ctx, dir)
	if err != nil {
		return nil, err
	}
	if condition != Running {
		if condition != Absent {
			o.note("removing what a killed sandbox left in " + dir)
			if err := discard(ctx, dir); err != nil {
				return nil, err
			}
		}
		return o.create(ctx, dir)
	}
	st.Ready = false
	if err := st.write(dir); err != nil {
		return nil, err
	}
	s := st.sandbox(dir)
	return s, o.finish(ctx, s, st)
}

// DefaultDir is where a sandbox is unless Options.Dir says otherwise: in the
// user's state directory, or in the system's temporary directory where the user
// that the server runs as cannot reach that.
func DefaultDir(o Options) (string, error) {
	o.Dir = ""
	return o.dir()
}

func (o Options) dir() (string, error) {
	if o.Dir != "" {
		return filepath.Abs(o.Dir)
	}
	base := o.StateHome
	if base == "" && o.Home != "" {
		base = filepath.Join(o.Home, ".local", "state")
	}
	a, err := serverAccount(os.Geteuid())
	if err != nil {
		return "", err
	}
	if filepath.IsAbs(base) {
		dir := filepath.Join(base, "clipperops", "sandbox")
		if a.unreachable(dir) == "" {
			return dir, nil
		}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("clipperops-sandbox-%d", os.Geteuid()))
	if _, err := os.Lstat(dir); err == nil && !a.ours(dir) {
		return "", &ops.Failure{
			Code: ops.ExitRefused, What: dir + " belongs to somebody else", State: []string{"nothing was touched"},
			Next: []string{"choose another directory with --dir"},
		}
	}
	return dir, nil
}

// claim returns the sandbox's directory, locked against other starts and stops.
func (o Options) claim() (string, func(), error) {
	dir, err := o.dir()
	if err != nil {
		return "", nil, err
	}
	a, err := serverAccount(os.Geteuid())
	if err != nil {
		return "", nil, err
	}
	if err := a.makeParents(dir); err != nil {
		return "", nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return "", nil, err
	}
	return dir, lock.release, nil
}
