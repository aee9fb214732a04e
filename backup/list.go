package backup

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/clipper/clipperops/internal/wholefile"
)

// Status is what a backup is worth, as far as its directory tells; the
// checksum is for Restore to verify.
type Status string

// The states of a backup.
const (
	// StatusComplete: the dump and its manifest are there and agree in size.
	StatusComplete Status = "complete"
	// StatusNoManifest: a dump, but nothing to hold it to; another tool's, or the
	// run was killed just before its end.
	StatusNoManifest Status = "no manifest"
	// StatusNoDump: a manifest whose dump is gone.
	StatusNoDump Status = "no dump"
	// StatusPartial: left unfinished by a run that was killed.
	StatusPartial Status = "partial"
	// StatusRunning: being written now.
	StatusRunning Status = "running"
	// StatusDamaged: not of the size the manifest states, or an unreadable manifest.
	StatusDamaged Status = "damaged"
)

// Entry is one backup in a directory.
type Entry struct {
	// Name is the dump's file name, Path where it lies.
	Name string `json:"name"`
	Path string `json:"path"`
	// ManifestPath is empty when there is none.
	ManifestPath string `json:"manifest_path,omitempty"`
	// Taken is the time in the name, UTC.
	Taken  time.Time `json:"taken"`
	Bytes  int64     `json:"bytes"`
	Status Status    `json:"status"`
	// Problem says why Status is not complete.
	Problem string `json:"problem,omitempty"`
	// Manifest is nil when there is none or it cannot be read.
	Manifest *Manifest `json:"manifest"`
}

// List returns the backups of a directory, newest first, including those that
// are unfinished or not what their manifest says. A directory that does not
// exist has none.
func List(dir string) ([]Entry, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing backups: %w", err)
	}
	var all []Entry
	for _, f := range files {
		if e, ok := entryOf(dir, f.Name()); ok {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(b.Taken.Compare(a.Taken), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// entryOf judges one file; ok is false when it is none of ours, or stands for
// nothing of its own.
func entryOf(dir, name string) (Entry, bool) {
	e := Entry{Name: name, Path: filepath.Join(dir, name)}
	at, suffix, ok := series.Parse(name)
	if !ok {
		return Entry{}, false
	}
	e.Taken, e.Bytes = at, sizeOf(e.Path)
	switch suffix {
	case partialSuffix:
		e.judgePartial()
		return e, true
	case dumpSuffix:
		e.judgeDump()
		return e, true
	case manifestSuffix:
		dump := series.Name(at)
		if !exists(filepath.Join(dir, dump)) {
			return Entry{
				Name: dump, Path: filepath.Join(dir, dump), ManifestPath: e.Path, Taken: at,
				Status: StatusNoDump, Problem: name + " describes a dump that is not there",
			}, true
		}
	}
	return Entry{}, false
}

func (e *Entry) judgePartial() {
	e.Status, e.Problem = StatusRunning, "a backup is being written"
	if wholefile.Dead(e.Path) {
		e.Status, e.Problem = StatusPartial, "left by a run that was killed; the next backup removes it"
	}
}

func (e *Entry) judgeDump() {
	m, err := ReadManifest(e.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Status, e.Problem = StatusNoManifest, "nothing to verify it against"
		return
	case err != nil:
		e.ManifestPath = ManifestPath(e.Path)
		e.Status, e.Problem = StatusDamaged, err.Error()
		return
	}
	e.Manifest, e.ManifestPath, e.Status = m, ManifestPath(e.Path), StatusComplete
	if e.Bytes != m.Bytes {
		e.Status, e.Problem = StatusDamaged, fmt.Sprintf("%d bytes long, the manifest says %d", e.Bytes, m.Bytes)
	}
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
