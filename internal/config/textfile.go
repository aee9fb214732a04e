package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"
)

// The most that is read of each kind of file. A configuration is written by
// hand; what is larger is another file in its place.
const (
	maxDotenv       = 64 << 10
	maxYAML         = 64 << 10
	maxPasswordFile = 4 << 10
	maxLibpqFile    = 1 << 20
)

// readText reads a whole text file of at most limit bytes. Its errors name the
// path and never the content.
func readText(path string, limit int64) (body []byte, mode fs.FileMode, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing to lose
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: errors.New("is a directory")}
	}
	body, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, 0, err
	}
	if int64(len(body)) > limit {
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %d KiB", limit>>10)}
	}
	return body, info.Mode(), nil
}

// badByte returns the line of the first byte that cannot stand in a text file,
// 0 when there is none.
func badByte(body []byte) (line int) {
	end := bytes.IndexByte(body, 0)
	if end < 0 && utf8.Valid(body) {
		return 0
	}
	if end < 0 {
		for end = 0; ; {
			r, size := utf8.DecodeRune(body[end:])
			if r == utf8.RuneError && size <= 1 {
				break
			}
			end += size
		}
	}
	return 1 + bytes.Count(body[:end], []byte("\n"))
}

// worldReadable reports whether anyone on the machine may read a file of that mode.
func worldReadable(mode fs.FileMode) bool { return mode.IsRegular() && mode.Perm()&0o004 != 0 }

// readByAll reports whether anyone on the machine may read the file.
func readByAll(path string) bool {
	info, err := os.Stat(path)
	return err == nil && worldReadable(info.Mode())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
