package migrate

import (
	"cmp"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/golang-migrate/migrate/v4/source"
)

// Source is a directory of migrations, read whole: nothing is read from it again.
type Source struct {
	// Label names the directory to people, e.g. "backend/migrations" or "the
	// embedded migrations".
	Label string
	// Problems is everything found wrong, by file.
	Problems []Problem

	versions []uint64
	files    map[Direction]map[uint64]File
}

// ReadSource reads, checksums and takes apart every migration at the root of
// fsys. What is wrong with a file is a Problem of the Source, also when nothing
// needs the file; the error is for a directory that cannot be listed.
func ReadSource(fsys fs.FS, label string) (*Source, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, &ops.Failure{
			Code: ops.ExitUsage, What: "the migrations in " + label + " cannot be read", Err: err,
			Detail: []string{err.Error()},
			State:  []string{"nothing was touched"},
			Next:   []string{"name the directory with --path DIR"},
		}
	}
	s := &Source{Label: label, files: map[Direction]map[uint64]File{Up: {}, Down: {}}}
	for _, entry := range entries {
		if !entry.IsDir() {
			s.add(fsys, entry.Name())
		}
	}
	s.pair()
	slices.SortStableFunc(s.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return s, nil
}

// add takes one file in, if its name makes it a migration.
func (s *Source) add(fsys fs.FS, name string) {
	m, err := source.Parse(name)
	if err != nil {
		if looksLikeMigration(name) {
			s.Problems = append(s.Problems, Problem{
				ID: FilesComplete, File: name,
				Text: "is not named as a migration, so golang-migrate ignores it",
				Fix:  "name it NNNNNN_what_it_does.up.sql or .down.sql, or move it elsewhere",
			})
		}
		return
	}
	f := File{Version: uint64(m.Version), Name: m.Identifier, FileName: name, Direction: Direction(m.Direction)}
	if f.Version > math.MaxInt64 {
		s.problem(f, 0, "version is larger than schema_migrations can hold", "use a smaller version")
		return
	}
	if first, taken := s.files[f.Direction][f.Version]; taken {
		s.problem(f, 0, "has the same version and direction as "+first.FileName, "give one of them a version of its own")
		return
	}
	if body, ok := s.read(fsys, f); ok {
		f.Body, f.SHA256 = body, checksum(body)
		s.inspect(&f)
	}
	s.files[f.Direction][f.Version] = f
}

// looksLikeMigration keeps README and embed.go from being called misnamed.
func looksLikeMigration(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false // an editor's or a file system's own
	}
	return strings.EqualFold(path.Ext(name), ".sql") || strings.Contains(name, ".up.") || strings.Contains(name, ".down.")
}

// read returns the file's text when it is whole.
func (s *Source) read(fsys fs.FS, f File) (string, bool) {
	body, err := fs.ReadFile(fsys, f.FileName)
	if err != nil {
		s.problem(f, 0, "cannot be read: "+err.Error(), "make it readable")
		return "", false
	}
	// A file that is being written, or a short read, would run cut off in the middle.
	if info, err := fs.Stat(fsys, f.FileName); err != nil || info.Size() > int64(len(body)) {
		size := "unknown"
		if err == nil {
			size = fmt.Sprint(info.Size())
		}
		s.problem(f, 0, fmt.Sprintf("only %d of its bytes could be read, its size is %s", len(body), size), "wait until it is written, and run again")
		return "", false
	}
	return string(body), true
}

// pair finds versions with one direction only.
func (s *Source) pair() {
	for direction, other := range map[Direction]Direction{Up: Down, Down: Up} {
		for v, f := range s.files[direction] {
			if _, ok := s.files[other][v]; ok {
				if direction == Up {
					s.versions = append(s.versions, v)
				}
				continue
			}
			s.versions = append(s.versions, v)
			missing := fmt.Sprintf("%s_%s.%s.sql", strings.SplitN(f.FileName, "_", 2)[0], f.Name, other)
			s.Problems = append(s.Problems, Problem{
				ID: FilesComplete, File: f.FileName, version: v, direction: other,
				Text: fmt.Sprintf("has no %s file", other),
				Fix:  "write " + missing,
			})
		}
	}
	slices.Sort(s.versions)
	if len(s.versions) == 0 {
		s.Problems = append(s.Problems, Problem{
			ID: FilesComplete, Text: "there is no migration in " + s.Label, Fix: "name the directory with --path DIR",
		})
	}
}

func (s *Source) problem(f File, line int, text, fix string) {
	s.Problems = append(s.Problems, Problem{
		ID: FilesComplete, File: f.FileName, Line: line, Text: text, Fix: fix,
		version: f.Version, direction: f.Direction,
	})
}

// Versions returns every version that has a file, in ascending order.
func (s *Source) Versions() []uint64 { return slices.Clone(s.versions) }

// Up returns the file that brings the database to version.
func (s *Source) Up(version uint64) (File, bool) {
	f, ok := s.files[Up][version]
	return f, ok
}

// Down returns the file that undoes version.
func (s *Source) Down(version uint64) (File, bool) {
	f, ok := s.files[Down][version]
	return f, ok
}

// Has reports whether version has a file in either direction.
func (s *Source) Has(version uint64) bool {
	_, ok := slices.BinarySearch(s.versions, version)
	return ok
}

// previous is the version before v in the chain, -1 when there is none.
func (s *Source) previous(v uint64) int64 {
	i, _ := slices.BinarySearch(s.versions, v)
	if i == 0 {
		return -1
	}
	return int64(s.versions[i-1])
}

// Late names the files below the current version that were never applied. known
// are the versions known to have been applied or to have been there when the
// database passed them; with none nothing can be told, and nothing is named.
func (s *Source) Late(current int64, known []uint64) []Problem {
	if len(known) == 0 {
		return nil
	}
	var late []Problem
	for _, v := range s.versions {
		if int64(v) >= current || slices.Contains(known, v) {
			continue
		}
		f, ok := s.files[Up][v]
		if !ok {
			continue
		}
		late = append(late, Problem{
			ID: FilesLate, File: f.FileName, version: v, direction: Up,
			Text: fmt.Sprintf("came after the database had passed it: it is at version %d, and neither golang-migrate nor clipperops will ever run it", current),
			Fix:  "give it a version above the newest one",
		})
	}
	return late
}
