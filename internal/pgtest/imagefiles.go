package pgtest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/clipper/clipperops/internal/sandbox"
)

// imageUser is the user the server runs as in the image.
const imageUser = 999

// imagePrograms are what a server and its clients need; the shell runs the entrypoint.
var imagePrograms = []string{"postgres", "initdb", "psql", "pg_dump", "pg_restore", "pg_isready"}

// writeImage writes the file system of an image as a tar: the programs, the
// libraries they are linked with and the files they read.
func writeImage(ctx context.Context, out io.Writer, local sandbox.Installation) error {
	share, libraries, err := directories(ctx, local)
	if err != nil {
		return err
	}
	w := &imageWriter{tar: tar.NewWriter(out), seen: make(map[string]bool)}
	programs := []string{"/bin/sh"}
	for _, name := range imagePrograms {
		programs = append(programs, filepath.Join(local.BinDir, name))
	}
	for _, path := range programs {
		w.file(path, 0o755)
	}
	linked, err := sharedLibraries(ctx, append(programs, filepath.Join(libraries, "plpgsql.so"), filepath.Join(libraries, "dict_snowball.so"))...)
	if err != nil {
		return err
	}
	for _, path := range linked {
		w.file(path, 0o755)
	}
	for _, dir := range []string{libraries, share, "/usr/share/zoneinfo/Etc"} {
		w.tree(dir)
	}
	w.file("/usr/share/zoneinfo/UTC", 0o644)
	w.content("/entrypoint.sh", 0o755, []byte(entrypoint))
	w.content("/etc/passwd", 0o644, fmt.Appendf(nil, "root:x:0:0::/:/bin/sh\npostgres:x:%d:%d::/var/lib/postgresql:/bin/sh\n", imageUser, imageUser))
	w.dir("/tmp", 0o1777, 0)
	w.dir("/var/run/postgresql", 0o2777, imageUser)
	w.dir("/run/postgresql", 0o2777, imageUser)
	w.dir("/var/lib/postgresql", 0o755, imageUser)
	w.dir("/var/lib/postgresql/data", 0o700, imageUser)
	if w.err != nil {
		return w.err
	}
	return w.tar.Close()
}

// directories asks the server where its files are.
func directories(ctx context.Context, local sandbox.Installation) (share, libraries string, err error) {
	out, err := exec.CommandContext(ctx, filepath.Join(local.BinDir, "pg_config"), "--sharedir", "--pkglibdir").Output()
	if err != nil {
		return "", "", fmt.Errorf("pg_config: %w", err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != 2 {
		return "", "", fmt.Errorf("pg_config says %q", out)
	}
	return lines[0], lines[1], nil
}

// libraryLine is "libz.so.1 => /lib/libz.so.1 (0x…)" or "/lib64/ld-linux-x86-64.so.2 (0x…)".
var libraryLine = regexp.MustCompile(`(?m)^\s+(?:\S+ => )?(/\S+) \(0x`)

func sharedLibraries(ctx context.Context, paths ...string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "ldd", paths...).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd: %w", err)
	}
	var found []string
	for _, match := range libraryLine.FindAllStringSubmatch(string(out), -1) {
		found = append(found, match[1])
	}
	return found, nil
}

// imageWriter writes each path once, and nothing after the first error.
type imageWriter struct {
	tar  *tar.Writer
	seen map[string]bool
	err  error
}

func (w *imageWriter) header(h *tar.Header) bool {
	if w.err != nil || w.seen[h.Name] {
		return false
	}
	w.seen[h.Name] = true
	h.Name = strings.TrimPrefix(h.Name, "/")
	w.err = w.tar.WriteHeader(h)
	return w.err == nil
}

func (w *imageWriter) dir(path string, mode int64, uid int) {
	w.header(&tar.Header{Typeflag: tar.TypeDir, Name: path, Mode: mode, Uid: uid, Gid: uid})
}

func (w *imageWriter) content(path string, mode int64, content []byte) {
	if w.header(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: mode, Size: int64(len(content))}) {
		_, w.err = io.Copy(w.tar, bytes.NewReader(content))
	}
}

// file writes what a path leads to, under that path.
func (w *imageWriter) file(path string, mode int64) {
	if w.err != nil || w.seen[path] {
		return
	}
	content, err := os.ReadFile(path)
	if err != nil {
		w.err = err
		return
	}
	w.content(path, mode, content)
}

// tree writes the regular files below dir, without the just-in-time compiler:
// its library alone is larger than all the rest.
func (w *imageWriter) tree(dir string) {
	if w.err != nil {
		return
	}
	w.err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "bitcode" || d.Name() == "man"):
			return fs.SkipDir
		case d.IsDir() || strings.HasPrefix(d.Name(), "llvmjit"):
			return nil
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			w.file(path, 0o644)
		}
		return w.err
	})
}
