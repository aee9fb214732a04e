package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	stampLayout = "20060102-150405"
	// nameTries is how many seconds ahead a free name is looked for.
	nameTries = 10
)

// Series says how the files of one kind are called: Prefix, a time, Suffix.
type Series struct {
	// Prefix is "db-", Suffix ".sql.gz" for db-20260213-031502.sql.gz.
	Prefix, Suffix string
	// Manifest stands in place of Suffix in the name of the file that describes
	// another: ".json" for db-20260213-031502.json.
	Manifest string
}

// Name is the name of the file begun at that time.
func (s Series) Name(at time.Time) string {
	return s.Prefix + at.UTC().Format(stampLayout) + s.Suffix
}

// Parse takes a name apart into its time and what follows; ok is false for names
// of other files.
func (s Series) Parse(name string) (at time.Time, rest string, ok bool) {
	stamp, ok := strings.CutPrefix(name, s.Prefix)
	if !ok || len(stamp) < len(stampLayout) {
		return time.Time{}, "", false
	}
	stamp, rest = stamp[:len(stampLayout)], stamp[len(stampLayout):]
	at, err := time.Parse(stampLayout, stamp)
	if err != nil {
		return time.Time{}, "", false
	}
	return at, rest, true
}

// ManifestPath is where the manifest of the file of that path lies.
func (s Series) ManifestPath(path string) string {
	return strings.TrimSuffix(path, s.Suffix) + s.Manifest
}

// Create begins the file of that time or, when the name or that of its manifest
// is taken, of the next second that is free. The error is fs.ErrExist when none
// of the next few is.
func (s Series) Create(dir string, at time.Time) (*File, error) {
	for i := range nameTries {
		f, err := begin(filepath.Join(dir, s.Name(at.Add(time.Duration(i)*time.Second))))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		// Whoever published under this name let go of the unfinished one before,
		// so what is published is seen now.
		if !exists(f.path) && !exists(s.ManifestPath(f.path)) {
			return f, nil
		}
		f.Discard()
	}
	return nil, fmt.Errorf("%s and the names of the %d seconds after it are taken: %w", filepath.Join(dir, s.Name(at)), nameTries-1, fs.ErrExist)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
