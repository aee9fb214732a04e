package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"time"

	"github.com/klauspost/pgzip"

	"github.com/clipper/clipperops/internal/pg"
)

// compressor turns SQL into the file: compressed on all cores, hashed as it is
// written, and with an eye on how it ends.
type compressor struct {
	gz   *pgzip.Writer
	file *countingWriter
	hash hash.Hash
	raw  int64
	tail pg.DumpEnd
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
	c.tail.See(p)
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
	if !c.tail.Complete() {
		return errors.New("pg_dump ended without an error, but its output is not complete: the line \"" + pg.DumpEndLine + "\" is missing")
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
