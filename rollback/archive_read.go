package rollback

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrDamaged is wrapped by every error about an archive whose contents are not what they
// were when it was made.
var ErrDamaged = errors.New("the archive is damaged")

// Saved is an archive with the late rows that were found after it.
type Saved struct {
	ArchiveRef
	// Late are in the order in which they were found.
	Late []ArchiveRef
}

// ReadArchive opens the archive at path and those of late rows beside it. What they say
// of themselves is read and their digests are checked; Verify reads every row.
func ReadArchive(path string) (*Saved, error) {
	ref, err := readRef(path)
	if err != nil {
		return nil, err
	}
	s := &Saved{ArchiveRef: ref}
	paths, err := filepath.Glob(lateGlob(path))
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		late, err := readRef(p)
		if err != nil {
			return nil, err
		}
		if late.Manifest.Late == nil || late.Manifest.Late.SHA256 != ref.SHA256 {
			return nil, fmt.Errorf("%s adds to another archive than %s: %w", p, path, ErrDamaged)
		}
		s.Late = append(s.Late, late)
	}
	// Files are reverted newest first.
	slices.SortFunc(s.Late, func(a, b ArchiveRef) int { return int(b.Manifest.Late.Version) - int(a.Manifest.Late.Version) })
	return s, nil
}

func readRef(path string) (ArchiveRef, error) {
	ref := ArchiveRef{Path: path, ManifestPath: series.ManifestPath(path)}
	var err error
	if ref.SHA256, ref.Bytes, err = digestOf(path); err != nil {
		return ref, err
	}
	if err := ref.open(func(z *zip.Reader) error { return readManifest(z, &ref.Manifest) }); err != nil {
		return ref, err
	}
	beside, err := os.ReadFile(ref.ManifestPath)
	switch {
	case errors.Is(err, fs.ErrNotExist): // a run was killed between the two: the archive is complete
		ref.Manifest.File, ref.Manifest.Bytes, ref.Manifest.SHA256 = filepath.Base(path), ref.Bytes, ref.SHA256
		return ref, nil
	case err != nil:
		return ref, err
	}
	var m Manifest
	if err := json.Unmarshal(beside, &m); err != nil {
		return ref, fmt.Errorf("%s: %w", ref.ManifestPath, err)
	}
	if m.SHA256 != ref.SHA256 || m.Bytes != ref.Bytes {
		return ref, fmt.Errorf("%s is not the file %s was written for: %w", path, filepath.Base(ref.ManifestPath), ErrDamaged)
	}
	ref.Manifest.File, ref.Manifest.Bytes, ref.Manifest.SHA256 = m.File, m.Bytes, m.SHA256
	return ref, nil
}

func digestOf(path string) (digest string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

func readManifest(z *zip.Reader, m *Manifest) error {
	text, err := fs.ReadFile(z, manifestEntry)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, m); err != nil {
		return err
	}
	if m.Format != ManifestFormat {
		return fmt.Errorf("the archive is of the format %q, and this clipperops reads %q", m.Format, ManifestFormat)
	}
	return nil
}

// open reads the archive's table of contents.
func (a ArchiveRef) open(body func(*zip.Reader) error) error {
	z, err := zip.OpenReader(a.Path)
	if err != nil {
		return a.damage(err)
	}
	defer z.Close() //nolint:errcheck // only read
	return a.damage(body(&z.Reader))
}

// damage marks the errors that mean the file is not what it was.
func (a ArchiveRef) damage(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading %s: %w: %w", a.Path, ErrDamaged, err)
	}
	return fmt.Errorf("reading %s: %w", a.Path, err)
}

// Verify proves that the archive can be read: the file is the one that was written, every
// entry has the checksum and every table the rows it was given.
func (a ArchiveRef) Verify() error {
	digest, _, err := digestOf(a.Path)
	if err != nil {
		return err
	}
	if digest != a.SHA256 {
		return fmt.Errorf("%s has the digest %s, and was written with %s: %w", a.Path, digest, a.SHA256, ErrDamaged)
	}
	return a.open(func(z *zip.Reader) error {
		var m Manifest
		if err := readManifest(z, &m); err != nil {
			return err
		}
		for _, t := range m.Tables {
			if err := verifyTable(z, t); err != nil {
				return err
			}
		}
		return nil
	})
}

func verifyTable(z *zip.Reader, t SavedTable) error {
	rows := &rowWriter{out: io.Discard, digest: sha256.New()}
	if err := copyEntry(z, t.Entry, rows); err != nil {
		return err
	}
	digest := hex.EncodeToString(rows.digest.Sum(nil))
	if rows.rows != t.Rows || rows.bytes != t.Bytes || digest != t.SHA256 {
		return fmt.Errorf("%s has %d rows in %d bytes, and was written with %d in %d: %w", t.Entry, rows.rows, rows.bytes, t.Rows, t.Bytes, ErrDamaged)
	}
	return nil
}

// copyEntry reads an entry to its end, where its checksum is compared.
func copyEntry(z *zip.Reader, name string, to io.Writer) error {
	in, err := z.Open(name)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	_, err = io.Copy(to, in)
	return err
}

// TableRows returns the lines of a table's entry, as COPY writes them. It is meant for looking
// at a table, not for large ones.
func (a ArchiveRef) TableRows(t SavedTable) ([]string, error) {
	var text bytes.Buffer
	err := a.open(func(z *zip.Reader) error { return copyEntry(z, t.Entry, &text) })
	if err != nil || text.Len() == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n"), nil
}
