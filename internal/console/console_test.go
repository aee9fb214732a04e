package console

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/name, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run the test with -update if that is meant:\n%s", path, diff)
	}
}

// scenes are what the golden transcripts show.
var scenes = map[string]func(*Console){
	"preflight": func(c *Console) { preflight(c) },
	"migrate":   func(c *Console) { migrate(c, false) },
	"failure":   func(c *Console) { migrate(c, true) },
}

// transcript plays a scene with Out and Err on one screen and the answer typed.
func transcript(o Options, scene func(*Console), answer string) string {
	var b bytes.Buffer
	o.Out, o.Err, o.In = &b, &b, strings.NewReader(answer)
	scene(New(o))
	return b.String()
}

func TestTranscriptsAtEveryWidthAreGolden(t *testing.T) {
	t.Parallel()
	for name, scene := range scenes {
		for _, width := range []int{40, 60, 80} {
			for suffix, o := range map[string]Options{
				"": {UTF8: true}, "-ascii": {}, "-colour": {UTF8: true, OutColor: true, ErrColor: true},
			} {
				o.Width, o.Interactive = width, true
				golden(t, fmt.Sprintf("%s-%d%s.txt", name, width, suffix), transcript(o, scene, "yes\n"))
			}
		}
	}
}

func TestQuietAndVerboseAreGolden(t *testing.T) {
	t.Parallel()
	for name, scene := range scenes {
		golden(t, name+"-quiet.txt", transcript(Options{UTF8: true, Interactive: true, Quiet: true}, scene, "yes\n"))
		golden(t, name+"-verbose.txt", transcript(Options{UTF8: true, Interactive: true, Verbose: true}, scene, "yes\n"))
	}
}

// TestColourCarriesNoMeaning guards against words that only colour says.
func TestColourCarriesNoMeaning(t *testing.T) {
	t.Parallel()
	for name, scene := range scenes {
		plain := transcript(Options{UTF8: true, Interactive: true}, scene, "yes\n")
		painted := transcript(Options{UTF8: true, Interactive: true, OutColor: true, ErrColor: true}, scene, "yes\n")
		if painted == plain {
			t.Errorf("%s is not painted", name)
		}
		if diff := cmp.Diff(plain, unpainted(painted)); diff != "" {
			t.Errorf("%s (-plain +painted without its colours):\n%s", name, diff)
		}
		if strings.Contains(plain, "\x1b") {
			t.Errorf("%s has escapes although it is plain", name)
		}
	}
}

// unpainted removes SGR sequences.
func unpainted(text string) string {
	for {
		start := strings.Index(text, "\x1b[")
		if start < 0 {
			return text
		}
		end := strings.Index(text[start:], "m")
		text = text[:start] + text[start+end+1:]
	}
}

// TestTheConsoleSaysWhatTheTextReportSays guards against two wordings of one run.
func TestTheConsoleSaysWhatTheTextReportSays(t *testing.T) {
	t.Parallel()
	var shown, report bytes.Buffer
	var run *ops.Run
	c := New(Options{Out: &shown, UTF8: true})
	preflight(ops.SinkFunc(func(e ops.Event) { run = e.Run; c.Emit(e) }))
	if err := reports.Text(&report, run, reports.Layout{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report.String(), shown.String()); diff != "" {
		t.Errorf("(-report +console):\n%s", diff)
	}
}

func TestASCIIWithoutAUTF8Locale(t *testing.T) {
	t.Parallel()
	for name, scene := range scenes {
		for _, r := range transcript(Options{Interactive: true}, scene, "yes\n") {
			if r > 0x7e {
				t.Errorf("%s holds %q", name, r)
			}
		}
	}
}

func TestResultAndTheRestGoToTheirOwnPlaces(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	migrate(New(Options{Out: &out, Err: &errs, In: strings.NewReader("yes\n"), Interactive: true, UTF8: true}), true)
	for _, want := range []string{"clipperops 1.0.0 · migrate", "✓ 000011", "report: /home/alice"} {
		if !strings.Contains(out.String(), want) || strings.Contains(errs.String(), want) {
			t.Errorf("%q is not on Out alone", want)
		}
	}
	for _, want := range []string{"pg_dump", "Type 'yes'", "This changes production", "waits for a lock", "✗ 000049", "next: mend"} {
		if !strings.Contains(errs.String(), want) || strings.Contains(out.String(), want) {
			t.Errorf("%q is not on Err alone", want)
		}
	}
}

// TestOnlyErrKeepsOutForTheDocument guards against a JSON document with lines for people in it.
func TestOnlyErrKeepsOutForTheDocument(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	migrate(New(Options{Out: &out, Err: &errs, In: strings.NewReader("yes\n"), Interactive: true, OnlyErr: true}), false)
	if out.Len() > 0 {
		t.Errorf("Out got %q", out.String())
	}
	if !strings.Contains(errs.String(), "ok   000011") {
		t.Errorf("Err got %q", errs.String())
	}
}

// TestHostileNamesAreShownEscaped guards against an application name that clears
// the operator's terminal or forges a line.
func TestHostileNamesAreShownEscaped(t *testing.T) {
	t.Parallel()
	got := transcript(Options{UTF8: true}, scenes["preflight"], "")
	for _, bad := range []string{"\x1b", "\x07", "\u202e", "\n✓ All pre-flight"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q got through", bad)
		}
	}
	if !strings.Contains(got, `metabase\x1b[2J\x1b]0;owned\x07`) {
		t.Errorf("the name is not shown:\n%s", got)
	}
	var b bytes.Buffer
	s := play(New(Options{Err: &b}), "migrate")
	_ = s.step("apply", func(step *ops.Step) error {
		step.Note("held by " + hostile)
		s.pass(10 * time.Second)
		step.Progress(ops.Progress{Label: hostile, Detail: hostile})
		return nil
	})
	if strings.ContainsAny(b.String(), "\x1b\x07") || strings.Count(b.String(), "\n") != 3 {
		t.Errorf("a note or progress let it through: %q", b.String())
	}
}

// TestProgressOfALogIsRare guards against a CI log of ten thousand lines.
func TestProgressOfALogIsRare(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := play(New(Options{Err: &b, UTF8: true}), "backup create")
	_ = s.step("backup", func(step *ops.Step) error {
		for i := range int64(2100) {
			step.Progress(ops.Progress{Label: "pg_dump", Done: i * 1_000_000, Total: 2_100_000_000, Unit: ops.UnitBytes})
			s.pass(10 * time.Millisecond)
		}
		return nil
	})
	want := "" +
		"backup    pg_dump  500 MB of 2.1 GB  23 %  100 MB/s  16 s left\n" +
		"backup    pg_dump  1.0 GB of 2.1 GB  47 %  100 MB/s  11 s left\n" +
		"backup    pg_dump  1.5 GB of 2.1 GB  71 %  100 MB/s  6 s left\n" +
		"backup    pg_dump  2.0 GB of 2.1 GB  95 %  100 MB/s  1 s left\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProgressOfALogIsNotRepeated(t *testing.T) {
	t.Parallel()
	g, start := progressLog{layout: reports.Layout{Width: 80}, step: "set"}, time.Now()
	var said []string
	for i, follow := range []int64{0, 0, 0, 1, 1, 0} {
		said = append(said, g.line(ops.Progress{Done: follow, Total: 2, Unit: ops.UnitInstances}, start.Add(time.Duration(i)*time.Minute))...)
	}
	want := []string{"set       0 of 2 instances  0 %", "set       1 of 2 instances  50 %", "set       0 of 2 instances  0 %"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

func TestProgressLinesFitAndDropTheLeastFirst(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 2, 13, 3, 15, 0, 0, time.UTC)
	m := &moving{started: start}
	p := ops.Progress{Label: "users", Done: 0, Total: 1_000_000, Unit: ops.UnitRows, Detail: "copying"}
	m.update(p, start)
	p.Done = 250_000
	now := start.Add(10 * time.Second)
	m.update(p, now)
	for width, want := range map[int]string{
		100: "seed      users  250,000 of 1,000,000 rows  25 %  25,000 rows/s  30 s left  copying",
		70:  "seed      users  250,000 of 1,000,000 rows  25 %  30 s left  copying",
		60:  "seed      users  250,000 of 1,000,000 rows  25 %  copying",
		52:  "seed      users  250,000 of 1,000,000 rows  copying",
		45:  "seed      users  250,000 of 1,000,000 rows",
		30:  "seed      users",
		12:  "seed      u…",
	} {
		if got := m.line("seed", width, now, reports.Layout{}); got != want {
			t.Errorf("at %d columns: %q, want %q", width, got, want)
		}
	}
	unknown := &moving{started: start}
	unknown.update(ops.Progress{Label: "000049", Detail: "building index, 40 %"}, start)
	if got := unknown.line("apply", 80, now, reports.Layout{}); got != "apply     000049  10 s  building index, 40 %" {
		t.Errorf("without a total: %q", got)
	}
}

// brokenPipe fails every write after the first few.
type brokenPipe struct{ left, tried int }

func (p *brokenPipe) Write(b []byte) (int, error) {
	p.tried++
	if p.left--; p.left < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(b), nil
}

// TestAReaderThatGoesAwayDoesNotStopTheRun guards against `clipperops migrate | head`.
func TestAReaderThatGoesAwayDoesNotStopTheRun(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		out, errs := &brokenPipe{left: 2}, &brokenPipe{left: 1}
		c := New(Options{Out: out, Err: errs, In: strings.NewReader("yes\n"), Interactive: true, Live: live, Width: 80})
		migrate(c, false)
		c.Close()
		if out.tried != 3 {
			t.Errorf("Out was written to %d times, want no more after the first error", out.tried)
		}
	}
}

func TestTwoRunsOnOneConsoleStandApart(t *testing.T) {
	t.Parallel()
	got := transcript(Options{UTF8: true}, func(c *Console) {
		preflight(c)
		preflight(c)
	}, "")
	if !strings.Contains(got, "production\n\nclipperops 1.0.0") {
		t.Errorf("the second header does not stand apart:\n%s", got)
	}
}

func TestAFailureOutsideARunGoesToErr(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	c := New(Options{Out: &out, Err: &errs, UTF8: true})
	c.Failure(&ops.Failure{Code: ops.ExitUsage, What: "there is no command \"migrat\"", Next: []string{"clipperops --help"}})
	if want := "✗ there is no command \"migrat\"\nnext: clipperops --help\n"; errs.String() != want || out.Len() > 0 {
		t.Errorf("Err got %q, Out %q", errs.String(), out.String())
	}
}

// TestALongStatementFitsItsLine guards against a live line that is cut at 80 columns, says
// the time twice, or loses what is left once the server counts blocks.
func TestALongStatementFitsItsLine(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 2, 13, 3, 15, 0, 0, time.UTC)
	m := &moving{started: start}
	m.update(ops.Progress{Label: "000049", Done: 3, Total: 5, Unit: ops.UnitFiles, Detail: "add_moderation_queue_system"}, start)
	p := ops.Progress{
		Label: "000049", Total: 5_000_000, Unit: ops.UnitBlocks, Detail: "2 of 3: scanning table",
		Took: 62 * time.Second, Left: 40 * time.Second,
	}
	p.Done = 1_200_000
	m.update(p, start.Add(time.Second))
	for width, want := range map[int]string{
		100: "apply     000049  2 of 3: scanning table  24 %  1 min 02 s  about 40 s left",
		80:  "apply     000049  2 of 3: scanning table  24 %  1 min 02 s  about 40 s left",
		60:  "apply     000049  24 %  1 min 02 s  about 40 s left",
		40:  "apply     000049  about 40 s left",
	} {
		if got := m.line("apply", width, start.Add(time.Second), reports.Layout{}); got != want {
			t.Errorf("at %d columns: %q, want %q", width, got, want)
		}
	}
	p.Detail = ""
	want := "apply     000049  1,200,000 of 5,000,000 blocks  24 %  1 min 02 s  about 40 s left"
	m.update(p, start.Add(time.Second))
	if got := m.line("apply", 100, start.Add(time.Second), reports.Layout{}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.Done, p.Took, p.Left = 1_250_000, 72*time.Second, 30*time.Second // 3,750,000 to go, 5,000 a second
	m.update(p, start.Add(11*time.Second))
	if got := m.line("apply", 80, start.Add(11*time.Second), reports.Layout{}); !strings.HasSuffix(got, "  about 12 min 30 s left") {
		t.Errorf("what the server's pace says is not seen: %q", got)
	}
}

// Guards against an invented end of a wait: that two follow says nothing of when the third,
// which hangs, will.
func TestInstancesThatAreWaitedForHaveNoPace(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 2, 13, 3, 15, 2, 0, time.UTC)
	m := &moving{started: start}
	for i, follow := range []int64{0, 2, 2, 2} {
		m.update(ops.Progress{Done: follow, Total: 3, Unit: ops.UnitInstances}, start.Add(time.Duration(i)*time.Second))
	}
	want := "set       2 of 3 instances  66 %"
	if got := m.line("set", 80, start.Add(5*time.Second), reports.Layout{}); got != want {
		t.Errorf("shown %q, want %q", got, want)
	}
}
