package pg

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// lineFilter makes of a plain dump the script that psql gets. It leaves out lines
// that an older server does not know, and exactly those: a line that looks the
// same may be a row of a COPY or part of a function.
type lineFilter struct {
	// dropTransactionTimeout leaves out the SET transaction_timeout that pg_dump
	// 17 and newer write for any server.
	dropTransactionTimeout bool
	// replace are lines to be passed on as others, each where it comes first.
	replace map[string]string
	// watch refuses psql's own commands, where psql does not do so itself.
	watch *commandWatch

	// body is true once the settings at the head of the dump are over.
	body bool
	// unrestrict is the line that belongs to the \restrict that was left out. That
	// pair makes psql ignore its own commands in between. Whoever wrote the dump
	// knows its key, so it is always left out, and psql gets another. The key is
	// random: no row, and no function, has it by accident.
	unrestrict []byte
}

var (
	restrictCommand    = []byte(`\restrict `)
	transactionTimeout = []byte("SET transaction_timeout = 0;")
)

// copy writes what psql is to see; what it has read is shown to seen.
func (f *lineFilter) copy(w io.Writer, r io.Reader, seen *DumpEnd) error {
	in, out := bufio.NewReaderSize(r, 128<<10), bufio.NewWriterSize(w, 128<<10)
	atStart := true // a row can be longer than the buffer and come in pieces
	for {
		piece, err := in.ReadSlice('\n')
		seen.See(piece)
		if !atStart || !f.drop(piece) {
			if atStart {
				piece = f.replaced(piece)
			}
			if err := f.write(out, piece); err != nil {
				return err
			}
		}
		atStart = err == nil
		switch {
		case errors.Is(err, io.EOF):
			return out.Flush()
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("reading the dump: %w", err)
		}
	}
}

// write passes a line, or a part of one, on to psql.
func (f *lineFilter) write(w io.Writer, piece []byte) error {
	if f.watch != nil {
		if err := f.watch.see(piece); err != nil {
			return err
		}
	}
	_, err := w.Write(piece)
	return err
}

// replaced is the line that is passed on in the place of another.
func (f *lineFilter) replaced(line []byte) []byte {
	if len(f.replace) == 0 {
		return line
	}
	text := string(bytes.TrimRight(line, "\r\n"))
	other, ok := f.replace[text]
	if !ok {
		return line
	}
	delete(f.replace, text)
	return []byte(other + "\n")
}

// drop judges the beginning of a line.
func (f *lineFilter) drop(line []byte) bool {
	line = bytes.TrimRight(line, "\r\n")
	if f.body {
		return f.unrestrict != nil && bytes.Equal(line, f.unrestrict)
	}
	switch key, restrict := bytes.CutPrefix(line, restrictCommand); {
	case restrict:
		if f.unrestrict == nil {
			f.unrestrict = append([]byte(`\unrestrict `), key...)
		}
		return true
	case f.unrestrict != nil && bytes.Equal(line, f.unrestrict): // the dump of a database with nothing in it
		return true
	case bytes.Equal(line, transactionTimeout):
		return f.dropTransactionTimeout
	case len(line) == 0, bytes.HasPrefix(line, []byte("--")), bytes.HasPrefix(line, []byte("SET ")),
		bytes.HasPrefix(line, []byte("SELECT pg_catalog.set_config(")):
		return false
	}
	f.body = true
	return false
}
