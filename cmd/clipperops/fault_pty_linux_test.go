package main

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
	"golang.org/x/sys/unix"
)

// session is a program with a terminal of its own, at which somebody types.
type session struct {
	*running
	keyboard io.Writer
}

// atTerminal starts the program on a new pseudo-terminal, which controls it: what
// is typed there may interrupt it.
func (p *program) atTerminal(args string) *session {
	p.t.Helper()
	outer, inner := openPTY(p.t, 100)
	cmd := exec.Command("clipperops", strings.Fields(args)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inner, inner, inner
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	r := p.begin(cmd)
	_ = inner.Close() // the program has its own
	go func() {
		_, _ = io.Copy(r.out, outer) // ends when the program does
	}()
	return &session{r, outer}
}

// answers waits for the prompt and types.
func (s *session) answers(prompt, keys string) {
	s.t.Helper()
	s.awaitSays(prompt)
	if _, err := io.WriteString(s.keyboard, keys); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the program's end and checks its exit code and what it says. The
// terminal may deliver that a little later.
func (s *session) ends(code ops.ExitCode, patterns ...string) {
	s.t.Helper()
	s.wants(code)
	for _, p := range patterns {
		s.awaitSays(p)
	}
}

// openPTY returns both ends of a new pseudo-terminal of that width.
func openPTY(t *testing.T, width uint16) (outer, inner *os.File) {
	t.Helper()
	// Not os.OpenFile: Fd would make its reads block, and Close wait for them.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	outer = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { _ = outer.Close() })
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
	return outer, inner
}

const (
	migrateWord  = "Type 'yes' to continue:"
	rollbackWord = "Type 'ROLLBACK' to continue:"
)

func onProduction(t *testing.T) *program {
	t.Helper()
	p := newProgram(t, pgtest.New(t, pgtest.WithClipper(), pgtest.AsRole()))
	p.set("ENVIRONMENT", "production")
	p.set("REHEARSE_ON", "same") // a server for every run would take its time, and is others' to test
	p.set("TERM", "xterm")
	p.set("NO_COLOR", "1")
	return p
}

// TestProductionIsConfirmedByTheExactWord: a person at a terminal is asked, is
// told before what will happen, and anything but the word means no.
func TestProductionIsConfirmedByTheExactWord(t *testing.T) {
	t.Parallel()
	p := onProduction(t)
	for _, answer := range []string{"no\n", "\n", "Yes\n", "yes please\n", "\x04"} {
		s := p.atTerminal("migrate --skip-backup")
		s.answers(migrateWord, answer)
		s.ends(ops.ExitRefused, "This changes production: .* version 10 → 97", "not confirmed", "nothing was (changed|touched)")
		p.wantVersion(10)
	}
	s := p.atTerminal("migrate --skip-backup")
	s.answers(migrateWord, "yes\n")
	s.ends(ops.ExitDone, "confirmed by alice", "Moderation system is ready for use.")
	p.wantVersion(97)

	s = p.atTerminal("rollback --target 10 --skip-backup")
	s.answers(rollbackWord, "yes\n")
	s.ends(ops.ExitRefused, "nothing was (changed|touched)")
	p.wantVersion(97)
	s = p.atTerminal("rollback --target 10 --skip-backup")
	s.answers(rollbackWord, "ROLLBACK\n")
	s.ends(ops.ExitDone, "Rolled back to version 10")
	p.wantVersion(10)

	// --yes and staging ask nobody.
	p.atTerminal("migrate --skip-backup --yes").ends(ops.ExitDone)
	s = p.atTerminal("rollback --target 10 --skip-backup --env staging")
	s.ends(ops.ExitDone, "Rolled back")
	if strings.Contains(s.out.String(), "Type '") {
		t.Errorf("staging was asked:\n%s", s.out)
	}
}

// TestCtrlCAtTheQuestion: the operator thinks better of it.
func TestCtrlCAtTheQuestion(t *testing.T) {
	t.Parallel()
	p := onProduction(t)
	s := p.atTerminal("migrate --skip-backup")
	s.answers(migrateWord, "ye\x03")
	s.ends(ops.ExitInterrupted, "interrupted", "nothing was (changed|touched)")
	p.wantVersion(10)
	p.awaitGone()
	p.wants(ops.ExitDone, "migrate status --env staging")
}

// TestATerminalThatIsClosed: the connection of the operator breaks. It is an
// interrupt like Ctrl-C, with nobody there to read what is said of it: the ledger
// and the report have it. At the question the end of the input may come before the
// signal, and is a no.
func TestATerminalThatIsClosed(t *testing.T) {
	t.Parallel()
	p := onProduction(t)
	for place, at := range map[string]func() *session{
		"at the question": func() *session {
			s := p.atTerminal("migrate --skip-backup")
			s.awaitSays(migrateWord)
			return s
		},
		"in the middle of a file": func() *session {
			held := pgtest.HoldTable(t, p.target, "clip_submissions", "ACCESS SHARE")
			t.Cleanup(held.Release)
			s := p.atTerminal("migrate --skip-backup --yes")
			s.awaitBlocked(p, "clipperops migrate%")
			return s
		},
	} {
		s := at()
		if err := s.keyboard.(*os.File).Close(); err != nil {
			t.Fatal(err)
		}
		_ = s.cmd.Wait() // it says what it says to nobody
		code := ops.ExitCode(s.cmd.ProcessState.ExitCode())
		if code != ops.ExitInterrupted && (code != ops.ExitRefused || place != "at the question") {
			t.Errorf("%s: exit code %d", place, code)
		}
		p.wantVersion(10)
		p.awaitGone()
		if d := p.lastReport("migrate"); d.ExitCode != code || d.Error == nil || len(d.Error.State) == 0 {
			t.Errorf("%s: exit code %d, and the report says %d, %+v", place, code, d.ExitCode, d.Error)
		}
		if last := p.says("history --limit 1"); !strings.Contains(unwrapped(last), "outcome "+string(code.Outcome())) {
			t.Errorf("%s: exit code %d, and the ledger says\n%s", place, code, last)
		}
	}
}

// TestCtrlCAtATerminal presses it while a file waits for its lock. Children of the
// program, in the same process group, get it as well.
func TestCtrlCAtATerminal(t *testing.T) {
	t.Parallel()
	p := onProduction(t)
	pgtest.HoldTable(t, p.target, "comments", "ACCESS EXCLUSIVE")
	s := p.atTerminal("backup")
	s.awaitBlocked(p, "pg_dump%")
	if _, err := io.WriteString(s.keyboard, "\x03"); err != nil {
		t.Fatal(err)
	}
	s.ends(ops.ExitInterrupted, "interrupted", "no backup was taken")
	p.wantNothingHalfDone()
}
