package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync/atomic"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// dumped is a finished dump, still under its unfinished name.
type dumped struct {
	sha256   string
	bytes    int64
	rawBytes int64
	counts   counts
	warnings []string
}

// counts are what the snapshot holds.
type counts struct {
	tables []Table
	// version and dirty are golang-migrate's.
	version *int64
	dirty   bool
}

// dumping is one run of pg_dump.
type dumping struct {
	s *source
	// session begins the application_name of its session: no other has the
	// exporter's pid in it.
	session  string
	cmd      *exec.Cmd
	stdout   io.Reader
	messages *pg.Messages
	progress *reporter
	done     atomic.Int64 // bytes of SQL so far
	// ended says that pg_dump's output has ended.
	ended   atomic.Bool
	counted chan error
	counts  counts
}

// dump runs pg_dump over the exported snapshot into the file, while the rows of
// every table are counted in that snapshot.
func (s *source) dump(ctx context.Context, file io.Writer) (*dumped, error) {
	child, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	d, err := s.start(child)
	if err != nil {
		return nil, err
	}
	out := newCompressor(file, s.o.Now())
	locks := d.watchLocks(child)
	copied := d.copy(out, func() {
		locks.stop() // the first byte comes after the last lock
		go d.count(child, stop)
	})
	if copied != nil {
		stop(copied)
	}
	err = d.wait(child, stop, locks)
	closed := out.close()
	if err == nil {
		err = closed
	}
	if err == nil {
		err = out.complete()
	}
	if err != nil {
		pg.EndSessions(ctx, s.o.Target, d.session, s.o.Application)
		return nil, err
	}
	return &dumped{sha256: out.sum(), bytes: out.written(), rawBytes: out.raw, counts: d.counts, warnings: d.messages.Warnings()}, nil
}

func (s *source) start(ctx context.Context) (*dumping, error) {
	d := &dumping{
		s:        s,
		session:  fmt.Sprintf("pg_dump [%d] for ", s.conn.PgConn().PID()),
		messages: pg.NewMessages("pg_dump"),
		progress: &reporter{report: s.o.Progress},
		counted:  make(chan error, 1),
	}
	// The database stands in the environment: pg_dump would read a name with "="
	// in its arguments as connection settings.
	d.cmd = s.o.Programs.Dump.As(d.session+s.o.Application).Command(ctx, s.o.Target,
		"--format=plain", "--no-password", "--verbose",
		"--snapshot="+s.snapshot,
		"--lock-wait-timeout="+strconv.FormatInt(s.o.LockWait.Milliseconds(), 10))
	d.cmd.Stderr = d.messages
	stdout, err := d.cmd.StdoutPipe()
	if err == nil {
		d.stdout = stdout
		err = d.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", s.o.Programs.Dump, err)
	}
	return d, nil
}

// copy moves pg_dump's output on until it ends, and calls first when it begins.
func (d *dumping) copy(out io.Writer, first func()) error {
	buffer := make([]byte, 128<<10)
	for {
		n, err := d.stdout.Read(buffer)
		if n > 0 {
			if _, err := out.Write(buffer[:n]); err != nil {
				return &writeError{err}
			}
			if d.done.Add(int64(n)) == int64(n) {
				first()
			}
			d.tell(d.messages.Current())
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading pg_dump's output: %w", err)
		}
	}
}

// tell reports how much SQL there is so far.
func (d *dumping) tell(detail string) {
	done := d.done.Load()
	d.progress.tell(ops.Progress{Label: "pg_dump", Done: done, Total: max(done, d.s.estimate), Unit: ops.UnitBytes, Detail: detail})
}

// count runs beside the copying. When it fails the dump is of no use.
func (d *dumping) count(ctx context.Context, stop context.CancelCauseFunc) {
	err := d.s.lockTables(ctx)
	if err == nil {
		d.counts.version, d.counts.dirty, err = schemaVersion(ctx, d.s.conn)
	}
	if err == nil {
		d.counts.tables, err = d.s.count(ctx, func(table string) {
			if d.cmdEnded() {
				d.progress.tell(ops.Progress{Label: "count", Unit: ops.UnitRows, Detail: table})
			}
		})
	}
	if err != nil {
		stop(err)
	}
	d.counted <- err
}

// cmdEnded reports whether all of pg_dump's output has been seen.
func (d *dumping) cmdEnded() bool { return d.ended.Load() }

// wait waits for pg_dump and the counting, and returns the first cause that
// ended them.
func (d *dumping) wait(child context.Context, stop context.CancelCauseFunc, locks *lockWatch) error {
	d.ended.Store(true)
	exit := d.cmd.Wait()
	locks.stop()
	d.messages.Flush()
	if exit != nil || len(d.messages.Errors()) > 0 {
		stop(&dumpError{exit: exit, messages: d.messages.Errors(), blockers: locks.last()})
	}
	if d.done.Load() > 0 {
		if err := <-d.counted; err != nil {
			stop(err)
		}
	}
	return context.Cause(child)
}
