package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/clipper/clipperops/internal/featureflag"
)

const (
	// settled is how long the file must have been left alone before it is believed.
	settled = 20 * time.Millisecond
	// atLatest is when it is believed although it goes on being written.
	atLatest = 250 * time.Millisecond
)

// Store is the flags of one file.
type Store struct {
	path string
	form Form
	poll time.Duration
}

// Open is the store in the file. It is not read yet.
func Open(path string, form Form) *Store {
	return &Store{path: path, form: form, poll: 5 * time.Second}
}

// Poll sets how often the file is read although nothing was noticed; default 5 s.
func (s *Store) Poll(every time.Duration) *Store {
	c := *s
	c.poll = every
	return &c
}

// String names the store.
func (s *Store) String() string { return s.form.Name() + " " + s.path }

// Load reads the flags.
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
	content, err = io.ReadAll(io.LimitReader(file, s.form.MaxLength()+1))
	info, failed := file.Stat() // after reading: what is written meanwhile shows
	if err = errors.Join(err, failed); err != nil {
		return nil, time.Time{}, fmt.Errorf("the flags' file cannot be read: %w", err)
	}
	if int64(len(content)) > s.form.MaxLength() {
		return nil, time.Time{}, fmt.Errorf("the flags' file %s is longer than %d bytes", s.path, s.form.MaxLength())
	}
	return content, info.ModTime(), nil
}

// parse reads the flags in the content.
func (s *Store) parse(content []byte) (featureflag.State, error) {
	state, err := s.form.Parse(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return state, nil
}
