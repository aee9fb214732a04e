package envfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"time"

	"github.com/joho/godotenv"

	"github.com/clipper/clipperops/internal/featureflag"
)

// maxLength is how long a file may be; a file of variables is a few kilobytes.
const maxLength = 1 << 20

const (
	// settled is how long the file must have been left alone before it is believed.
	settled = 20 * time.Millisecond
	// atLatest is when it is believed although it goes on being written.
	atLatest = 250 * time.Millisecond
)

// Store is the flags of one file.
type Store struct {
	path  string
	poll  time.Duration
	known []string
}

// Open is the store in the file. It is not read yet. Where known keys
// are given, junk is an error in those alone.
func Open(path string, known ...string) *Store {
	return &Store{path: path, poll: 5 * time.Second, known: known}
}

// Poll sets how often the file is read although nothing was noticed; default 5 s.
func (s *Store) Poll(every time.Duration) *Store {
	c := *s
	c.poll = every
	return &c
}

// String names the store.
func (s *Store) String() string { return "envfile " + s.path }

// Load reads the flags. The version of a flag is made from its three variables: the
// file has no other memory.
func (s *Store) Load(context.Context) (featureflag.State, error) {
	content, err := s.read()
	if err != nil {
		return nil, err
	}
	return s.parse(content)
}

// read reads the file when it has been left alone for a moment: a program that
// writes in place empties it first, and no flag is to go off because of that. An
// empty file is believed only at the latest moment: on a busy machine the writer is
// held up between emptying and writing, and on ext4 the file is empty before its
// time of change says so.
func (s *Store) read() ([]byte, error) {
	content, changed, err := s.content()
	for end := time.Now().Add(atLatest); err == nil && time.Now().Before(end); {
		if len(content) > 0 && time.Since(changed) >= settled {
			break
		}
		time.Sleep(settled)
		before := content
		content, changed, err = s.content()
		if len(content) > 0 && bytes.Equal(before, content) {
			break
		}
	}
	return content, err
}

// content is what stands in the file, and when it was last written.
func (s *Store) content() (content []byte, changed time.Time, err error) {
	file, err := os.Open(s.path)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the flags' file cannot be read: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err = io.ReadAll(io.LimitReader(file, maxLength+1))
	info, failed := file.Stat() // after reading: what is written meanwhile shows
	if err = errors.Join(err, failed); err != nil {
		return nil, time.Time{}, fmt.Errorf("the flags' file cannot be read: %w", err)
	}
	if len(content) > maxLength {
		return nil, time.Time{}, fmt.Errorf("the flags' file %s is longer than %d bytes", s.path, maxLength)
	}
	return content, info.ModTime(), nil
}

// mark is what editors on Windows begin a file of UTF-8 with; it is no part of a name.
var mark = []byte("\ufeff")

// parse reads the variables as docker compose's own parser does; of one that is
// there twice the last counts.
func (s *Store) parse(content []byte) (featureflag.State, error) {
	variables, err := godotenv.UnmarshalBytes(bytes.TrimPrefix(content, mark))
	if err != nil {
		return nil, fmt.Errorf("%s is not a file of variables: a line is neither NAME=value nor a comment", s.path) // the parser's message quotes the line
	}
	flags, err := featureflag.FromEnvironment(variables, s.known...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	for key, f := range flags {
		flags[key] = f.At(version(key, variables))
	}
	return flags, nil
}

// version is a number that two different settings of a flag do not share: 53 bits of
// FNV-1a of its three variables, which every reader of JSON holds exactly, and never
// 0, which means that there is none.
func version(key string, variables map[string]string) int64 {
	enabled, percentage, users := featureflag.Variables(key)
	h := fnv.New64a()
	for _, name := range []string{enabled, percentage, users} {
		value, there := variables[name]
		_, _ = fmt.Fprintf(h, "%t %q\n", there, value)
	}
	return max(1, int64(h.Sum64()>>11))
}
