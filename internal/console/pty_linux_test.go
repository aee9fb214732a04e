package console

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"golang.org/x/sys/unix"
)

// openPTY returns both ends of a new pseudo-terminal of that width.
func openPTY(t *testing.T, width uint16) (outer, inner *os.File) {
	t.Helper()
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = outer.Close() })
	fd := int(outer.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	inner, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	return outer, inner
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if value, ok := strings.CutPrefix(p, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestDetectOnATerminal(t *testing.T) {
	t.Parallel()
	_, tty := openPTY(t, 64)
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = pipe.Close(), w.Close() })

	all := Detect(tty, tty, tty, env("LANG=de_DE.UTF-8", "TERM=xterm"))
	if !all.OutColor || !all.ErrColor || !all.Live || !all.Interactive || !all.UTF8 || all.Width != 64 {
		t.Errorf("a terminal is %+v", all)
	}
	piped := Detect(w, tty, tty, env("LC_ALL=C", "LANG=de_DE.UTF-8"))
	if piped.OutColor || !piped.ErrColor || !piped.Live || !piped.Interactive || piped.UTF8 || piped.Width != 64 {
		t.Errorf("with Out piped: %+v", piped)
	}
	ci := Detect(w, w, pipe, env("LANG=C.utf8", "COLUMNS=120"))
	if ci.OutColor || ci.ErrColor || ci.Live || ci.Interactive || !ci.UTF8 || ci.Width != 120 {
		t.Errorf("without a terminal: %+v", ci)
	}
	for _, e := range []string{"NO_COLOR=1", "TERM=dumb"} {
		if o := Detect(tty, tty, tty, env(e)); o.OutColor || o.ErrColor || o.Live != (e != "TERM=dumb") || !o.Interactive {
			t.Errorf("with %s: %+v", e, o)
		}
	}
	if o := Detect(tty, tty, pipe, env()); o.Interactive {
		t.Error("input from a pipe is nobody to ask")
	}
	if o := all.NoColor(); o.OutColor || o.ErrColor || !o.Live {
		t.Errorf("NoColor gave %+v", o)
	}
	if o := Detect(nil, nil, nil, env()); o.OutColor || o.Live || o.Interactive || o.Width != 0 || o.Out != nil || o.Err != nil || o.In != nil {
		t.Errorf("without files: %+v", o)
	}
}

// TestAPersonAtATerminal goes through a whole run on a real pseudo-terminal: live
// lines come and go, the answer is typed, what stays is what a log would have.
func TestAPersonAtATerminal(t *testing.T) {
	t.Parallel()
	outer, tty := openPTY(t, 80)
	s := newScreen()
	go s.follow(outer)
	c := New(Detect(tty, tty, tty, env("LANG=C.UTF-8", "NO_COLOR=1")))

	scene := play(c, "migrate")
	_ = scene.step("backup", func(step *ops.Step) error {
		step.Progress(ops.Progress{Label: "pg_dump", Done: 1, Total: 2, Unit: ops.UnitFiles})
		s.await(t, "pg_dump  1 of 2 files  50 %")
		step.Record(ops.Pass("db.sql.gz"))
		return nil
	})
	answered := make(chan error, 1)
	go func() {
		answered <- c.Ask(context.Background(), ops.Question{Lines: []string{"This changes production."}, Word: "yes"})
	}()
	s.await(t, "Type 'yes' to continue: ")
	if _, err := io.WriteString(outer, "yes\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	scene.end(nil)
	s.await(t, "1 step in")

	shown := rendered(s.String())
	want := strings.Join([]string{
		"clipperops 1.0.0 · migrate · moderation 11–97 · production ·",
		"  clipper@db.internal:5432/clipper_db (sslmode require)", "",
		"backup    ✓ db.sql.gz                                                        0 s", "",
		"This changes production.",
		"Type 'yes' to continue: yes", "", "",
		"1 step in 0 s: 1 passed",
	}, "\n")
	if strings.TrimSpace(shown) != want {
		t.Errorf("the terminal shows\n%s\nwant\n%s", shown, want)
	}
}

// TestATerminalThatIsClosedDoesNotStopTheRun guards against a hang or crash when
// the connection of an operator breaks in the middle.
func TestATerminalThatIsClosedDoesNotStopTheRun(t *testing.T) {
	t.Parallel()
	outer, tty := openPTY(t, 80)
	s := newScreen()
	go s.follow(outer)
	c := New(Detect(tty, tty, tty, env("LANG=C.UTF-8")))
	scene := play(c, "backup create")
	_ = scene.step("backup", func(step *ops.Step) error {
		step.Progress(ops.Progress{Label: "pg_dump", Done: 1, Total: 2, Unit: ops.UnitFiles})
		s.await(t, "pg_dump  1 of 2 files")
		_ = outer.Close()
		for i := range int64(5) {
			step.Progress(ops.Progress{Label: "pg_dump", Done: i, Total: 9, Unit: ops.UnitFiles})
			step.Record(ops.Pass("still going"))
		}
		return nil
	})
	scene.end(nil)
	c.Close()
	var f *ops.Failure
	if err := c.Ask(context.Background(), ops.Question{Word: "yes"}); !errors.As(err, &f) || f.Code != ops.ExitRefused {
		t.Errorf("a question without a terminal gave %v", err)
	}
}
