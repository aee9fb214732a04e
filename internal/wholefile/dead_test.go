package wholefile_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipper/clipperops/internal/wholefile"
)

// writerPath makes this test program one that begins the file of that path and
// then waits to be killed.
const writerPath = "WHOLEFILE_TEST_PATH"

func TestMain(m *testing.M) {
	path := os.Getenv(writerPath)
	if path == "" {
		os.Exit(m.Run())
	}
	f, err := wholefile.Replace(path)
	if err == nil {
		_, err = f.Write([]byte("half"))
	}
	fmt.Println(err)
	_, _ = os.Stdin.Read(make([]byte, 1)) // ends with the one who started it
}

func TestAWriterThatIsKilledIsSeenAndClearedUpAfter(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, series.Name(noon))
	writer := exec.Command(exe)
	writer.Env = append(os.Environ(), writerPath+"="+path)
	if _, err := writer.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = writer.Process.Kill() // it may have ended
		_ = writer.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "<nil>\n" || err != nil {
		t.Fatalf("the writer says %q, %v", line, err)
	}

	unfinished := path + wholefile.Suffix
	if wholefile.Dead(unfinished) || len(removeAll(dir)) > 0 {
		t.Error("a writer that lives is taken for dead")
	}
	holds(t, dir, map[string]string{filepath.Base(unfinished): "half"})
	if err := writer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Wait() // killed
	if !wholefile.Dead(unfinished) {
		t.Error("a writer that was killed is taken for alive")
	}
	if diff := cmp.Diff([]string{filepath.Base(unfinished)}, removeAll(dir)); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	holds(t, dir, map[string]string{})
}

func removeAll(dir string) []string {
	return wholefile.RemoveDead(dir, func(string) bool { return true })
}

func TestOnlyOurOwnAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"ours", "ours.partial", "theirs.partial", ".partial"} {
		put(t, filepath.Join(dir, name), "x")
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.partial"), 0o700); err != nil {
		t.Fatal(err)
	}
	removed := wholefile.RemoveDead(dir, func(name string) bool { return name == "ours" || name == "folder" })
	if diff := cmp.Diff([]string{"ours.partial"}, removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if err := os.Remove(filepath.Join(dir, "folder.partial")); err != nil {
		t.Error(err)
	}
	holds(t, dir, map[string]string{"ours": "x", "theirs.partial": "x", ".partial": "x"})
	if removed := removeAll(filepath.Join(dir, "missing")); len(removed) > 0 {
		t.Error(removed)
	}
}

// Guards against waiting for the other end of a pipe that lies among the files.
func TestAPipeKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.partial")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	wholefile.Dead(path)
	publish(t, replace(t, strings.TrimSuffix(path, wholefile.Suffix), "x"))
}
