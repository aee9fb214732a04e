package rollback

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/flate"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/wholefile"
)

const manifestEntry = "manifest.json"

// readme is for the person who has the archive and not clipperops.
const readme = `Rows saved by clipperops before a rollback removed them.

manifest.json lists the tables in an order in which they can be restored, with the
columns of each entry. To look at a table, or to put it back by hand:

    unzip ARCHIVE tables/0001-public.example.copy
    psql -c "\copy public.example (id, name) FROM 'tables/0001-public.example.copy'"

with the columns as manifest.json has them. ddl/ shows what the tables looked like.
`

// archiveWriter writes an archive: a zip file with one entry of COPY text per table.
type archiveWriter struct {
	file     *wholefile.File
	digest   hash.Hash
	bytes    int64
	zip      *zip.Writer
	manifest Manifest
	progress func(ops.Progress)
	when     time.Time
}

func newArchiveWriter(file *wholefile.File, m Manifest, progress func(ops.Progress)) *archiveWriter {
	w := &archiveWriter{file: file, digest: sha256.New(), manifest: m, progress: progress, when: m.Started}
	w.zip = zip.NewWriter(w)
	w.zip.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestSpeed) // rows wait while this runs: a third larger, five times as fast
	})
	return w
}

// Write is what the zip writer writes through, so that the file's digest is known at its end.
func (w *archiveWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.digest.Write(p[:n])
	w.bytes += int64(n)
	return n, err
}

func (w *archiveWriter) text(name, text string) error {
	out, err := w.create(name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

func (w *archiveWriter) create(name string) (io.Writer, error) {
	return w.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: w.when})
}

// table saves the rows that condition, "" for all, leaves of a table, which it knows as t,
// and notes it in the manifest.
func (w *archiveWriter) table(ctx context.Context, conn *pgx.Conn, t SavedTable, ddl, condition string) error {
	number := len(w.manifest.Tables) + 1
	t.Entry = fmt.Sprintf("tables/%04d-%s.copy", number, fileName(t.Relation))
	if ddl != "" {
		t.DDL = fmt.Sprintf("ddl/%04d-%s.sql", number, fileName(t.Relation))
		if err := w.text(t.DDL, ddl); err != nil {
			return err
		}
	}
	out, err := w.create(t.Entry)
	if err != nil {
		return err
	}
	rows := &rowWriter{out: out, digest: sha256.New(), label: t.String(), progress: w.progress}
	query := "SELECT " + columnList(t.Columns) + " FROM ONLY " + t.quoted() + " AS t"
	if condition != "" {
		query += " WHERE " + condition
	}
	tag, err := conn.PgConn().CopyTo(ctx, rows, "COPY ("+query+") TO STDOUT (FORMAT text, ENCODING 'UTF8')")
	if err != nil {
		return fmt.Errorf("saving %s: %w", t.Relation, err)
	}
	if tag.RowsAffected() != rows.rows {
		return fmt.Errorf("saving %s: the server sent %d rows and %d lines", t.Relation, tag.RowsAffected(), rows.rows)
	}
	t.Rows, t.Bytes, t.SHA256 = rows.rows, rows.bytes, hex.EncodeToString(rows.digest.Sum(nil))
	w.manifest.Tables = append(w.manifest.Tables, t)
	rows.report()
	return nil
}

// finish writes what is left, proves that the file can be read, and publishes it with its
// manifest beside it.
func (w *archiveWriter) finish(now time.Time) (ArchiveRef, error) {
	w.manifest.Finished = now.UTC()
	if err := w.text("README.txt", readme); err != nil {
		return ArchiveRef{}, err
	}
	inside, err := json.MarshalIndent(w.manifest, "", "  ")
	if err != nil {
		return ArchiveRef{}, err
	}
	if err := w.text(manifestEntry, string(inside)+"\n"); err != nil {
		return ArchiveRef{}, err
	}
	if err := w.zip.Close(); err != nil {
		return ArchiveRef{}, err
	}
	if err := w.file.Sync(); err != nil {
		return ArchiveRef{}, err
	}
	ref := ArchiveRef{Path: w.file.Path(), SHA256: hex.EncodeToString(w.digest.Sum(nil)), Bytes: w.bytes, Manifest: w.manifest}
	ref.ManifestPath = series.ManifestPath(ref.Path)
	ref.Manifest.File, ref.Manifest.Bytes, ref.Manifest.SHA256 = filepath.Base(ref.Path), ref.Bytes, ref.SHA256
	proven := ref
	proven.Path = w.file.Unfinished()
	if err := proven.Verify(); err != nil {
		return ArchiveRef{}, err
	}
	if err := w.file.Publish(); err != nil {
		return ArchiveRef{}, err
	}
	// An older manifest is of an archive that this one has replaced.
	return ref, wholefile.WriteJSON(ref.ManifestPath, ref.Manifest)
}

// progressEvery is how many rows pass between two words about them.
const progressEvery = 20_000

// rowWriter counts the rows of COPY text: a newline within a value is written \n, so
// every newline byte ends a row.
type rowWriter struct {
	out      io.Writer
	digest   hash.Hash
	rows     int64
	bytes    int64
	told     int64
	label    string
	progress func(ops.Progress)
}

func (w *rowWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.digest.Write(p[:n])
	w.rows += int64(bytes.Count(p[:n], []byte{'\n'}))
	w.bytes += int64(n)
	if w.rows-w.told >= progressEvery {
		w.report()
	}
	return n, err
}

func (w *rowWriter) report() {
	w.told = w.rows
	if w.progress != nil {
		w.progress(ops.Progress{Label: w.label, Done: w.rows, Unit: ops.UnitRows})
	}
}

func columnList(columns []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = pgx.Identifier{c}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

// fileName is the table's name with nothing in it that a file system or unzip minds.
func fileName(r Relation) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
			return c
		}
		return '_'
	}, r.Schema+"."+r.Name)
}
