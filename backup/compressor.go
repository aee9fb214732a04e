package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"time"

	"github.com/klauspost/pgzip"
)

// compressor turns SQL into the file: compressed on all cores, hashed as it is
// written, and with an eye on how it ends.
type compressor struct {
	gz   *pgzip.Writer
	file *countingWriter
	hash hash.Hash
	raw  int64
	tail trailer
}

// Blocks of 1 MB on every core; level 1 made a file as small as gzip's default
// in a quarter of the time.
const compressBlock = 1 << 20

func newCompressor(w io.Writer, at time.Time) *compressor {
	c := &compressor{hash: sha256.New()}
	c.file = &countingWriter{w: io.MultiWriter(w, c.hash)}
	gz, err := pgzip.NewWriterLevel(c.file, pgzip.BestSpeed)
	if err == nil {
		err = gz.SetConcurrency(compressBlock, max(2, runtime.GOMAXPROCS(0)))
	}
	if err != nil {
		panic(err) // both reject constants that are out of range, which ours are not
	}
	gz.ModTime = at
	c.gz = gz
	return c
}

// Write takes SQL.
func (c *compressor) Write(p []byte) (int, error) {
	c.raw += int64(len(p))
	c.tail.see(p)
	return c.gz.Write(p)
}

// close writes what is left. It must be called whatever happened before.
func (c *compressor) close() error {
	if err := c.gz.Close(); err != nil {
		return &writeError{err}
	}
	return nil
}

// complete returns an error unless the SQL ended as a whole dump does.
func (c *compressor) complete() error {
	if !c.tail.complete() {
		return errors.New("pg_dump ended without an error, but its output is not complete: the line \"" + trailerLine + "\" is missing")
	}
	return nil
}

func (c *compressor) sum() string    { return hex.EncodeToString(c.hash.Sum(nil)) }
func (c *compressor) written() int64 { return c.file.n }

// countingWriter counts what reaches the file.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// writeError is a failure to write the backup file.
type writeError struct{ err error }

func (e *writeError) Error() string { return fmt.Sprintf("writing the backup: %v", e.err) }
func (e *writeError) Unwrap() error { return e.err }

// trailerLine is what pg_dump writes last, but for \unrestrict.
const trailerLine = "-- PostgreSQL database dump complete"

// trailer remembers the last bytes of a stream.
type trailer struct{ last []byte }

// trailerSpan holds the trailer with a \unrestrict line behind it, and to spare.
const trailerSpan = 512

func (t *trailer) see(p []byte) {
	if len(p) >= trailerSpan {
		t.last = append(t.last[:0], p[len(p)-trailerSpan:]...)
		return
	}
	t.last = append(t.last, p...)
	if extra := len(t.last) - trailerSpan; extra > 0 {
		t.last = append(t.last[:0], t.last[extra:]...)
	}
}

// complete reports whether the trailer is there and nothing of substance follows.
func (t *trailer) complete() bool {
	i := bytes.LastIndex(t.last, []byte("\n"+trailerLine+"\n"))
	if i < 0 {
		return false
	}
	for line := range bytes.Lines(t.last[i+len(trailerLine)+2:]) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && !bytes.Equal(line, []byte("--")) && !bytes.HasPrefix(line, []byte(`\unrestrict `)) {
			return false
		}
	}
	return true
}
