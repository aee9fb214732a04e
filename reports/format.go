package reports

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/google/renameio/v2"
)

// Format is a rendering of a run.
type Format string

// The formats of a report.
const (
	FormatText     Format = "text"
	FormatJSON     Format = "json"
	FormatMarkdown Format = "markdown"
	FormatHTML     Format = "html"
	FormatJUnit    Format = "junit"
)

// extensions is the one place where extensions and formats meet.
var extensions = []struct {
	ext    string
	format Format
}{{".txt", FormatText}, {".json", FormatJSON}, {".md", FormatMarkdown}, {".html", FormatHTML}, {".xml", FormatJUnit}}

// FormatOf tells the format of a report by the extension of its path: .txt,
// .json, .md, .html or .xml (JUnit). Anything else is a *ops.Failure with
// ExitUsage.
func FormatOf(path string) (Format, error) {
	ext := strings.ToLower(filepath.Ext(path))
	known := make([]string, len(extensions))
	for i, e := range extensions {
		if e.ext == ext {
			return e.format, nil
		}
		known[i] = e.ext
	}
	return "", &ops.Failure{
		Code:   ops.ExitUsage,
		What:   fmt.Sprintf("no report format is known for %q", path),
		Detail: []string{"known extensions: " + strings.Join(known, " ") + " (.xml is JUnit)"},
		State:  []string{"nothing was touched"},
	}
}

// Write renders the run to w. Text is written 80 columns wide, plain, with all
// that is known.
func Write(w io.Writer, format Format, run *ops.Run) error {
	switch format {
	case FormatText:
		return Text(w, run, Layout{Verbose: true})
	case FormatJSON:
		return JSON(w, run)
	case FormatMarkdown:
		return Markdown(w, run)
	case FormatHTML:
		return HTML(w, run)
	case FormatJUnit:
		return JUnit(w, run)
	}
	return &ops.Failure{Code: ops.ExitUsage, What: fmt.Sprintf("there is no report format %q", format)}
}

// WriteFile renders the run to a file of mode 0600, whole or not at all: what
// stood at path before stays until the new report is complete and on disk.
// Directories that are missing are made with mode 0700. An error is a
// *ops.Failure.
func WriteFile(path string, format Format, run *ops.Run) error {
	var content bytes.Buffer
	if err := Write(&content, format, run); err != nil {
		return unwritten(path, err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unwritten(path, err)
	}
	if err := replace(path, dir, content.Bytes()); err != nil {
		return unwritten(path, err)
	}
	return nil
}

func replace(path, dir string, content []byte) error {
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer func() { _ = file.Cleanup() }() // nothing to do once it has replaced path
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name of a file survive a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

func unwritten(path string, err error) error {
	return &ops.Failure{
		Code:   ops.ExitFailed,
		What:   "the report could not be written: " + path,
		Detail: []string{err.Error()},
		Err:    err,
	}
}
