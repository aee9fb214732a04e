package release

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"unicode/utf8"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxBytes bounds a release file. The largest known has 30 kB.
const maxBytes = 256 << 10

//go:embed moderation.yaml
var moderation []byte

// embedded is the moderation release, read once.
var embedded = sync.OnceValues(func() (*Release, error) {
	return parse("release/moderation.yaml", moderation)
})

// Moderation returns the release that clipperops carries. The value is shared:
// treat it as read-only.
func Moderation() *Release {
	r, err := embedded()
	if err != nil { // a test reads the embedded file, so no build with this error is released
		panic(fmt.Sprintf("release/moderation.yaml: %v", err))
	}
	return r
}

// Load reads the release file at path. An error is an *ops.Failure with
// ExitUsage; where the file itself is at fault it wraps a *FileError.
func Load(path string) (*Release, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close() //nolint:errcheck // only read
	return read(path, f)
}

// Read is Load for a file that is already open.
func Read(r io.Reader) (*Release, error) { return read("release file", r) }

func read(label string, r io.Reader) (*Release, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, unreadable(label, err)
	}
	return parse(label, body)
}

func unreadable(label string, err error) error {
	return &ops.Failure{
		Code:  ops.ExitUsage,
		What:  "the release file cannot be read: " + err.Error(),
		State: []string{"nothing was touched"},
		Next:  []string{"name another file with --release, or leave it away for the embedded release"},
		Err:   fmt.Errorf("reading %s: %w", label, err),
	}
}

// parse turns the text of a release file into a Release that has been judged.
func parse(label string, body []byte) (*Release, error) {
	f := &file{label: label, at: map[string]position{}}
	r := f.parse(body)
	if len(f.problems) > 0 {
		return nil, f.failure()
	}
	return r, nil
}

func (f *file) parse(body []byte) *Release {
	switch {
	case len(body) > maxBytes:
		f.problem("", "it is larger than %d bytes", maxBytes)
	case !utf8.Valid(body):
		f.problem("", "it is not UTF-8")
	}
	if len(f.problems) > 0 {
		return nil
	}
	tree, err := parser.ParseBytes(body, 0)
	if err != nil {
		f.syntax(err)
		return nil
	}
	node := f.document(tree)
	if node == nil {
		return nil
	}
	f.walk(node, releaseType, "")
	if len(f.problems) > 0 {
		return nil
	}
	var r Release
	if err := yaml.NewDecoder(bytes.NewReader(nil), yaml.Strict()).DecodeFromNode(node, &r); err != nil {
		f.syntax(err)
		return nil
	}
	r.settle()
	f.judge(&r)
	return &r
}

// document returns the one document of the file.
func (f *file) document(tree *ast.File) ast.Node {
	var found ast.Node
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if found != nil {
			f.problem("", "it holds more than one document")
			return nil
		}
		found = doc.Body
	}
	if found == nil {
		f.problem("", "it is empty")
	}
	return found
}

// syntax records what the YAML library has to say.
func (f *file) syntax(err error) {
	p := Problem{Text: err.Error()}
	var located yaml.Error
	if errors.As(err, &located) {
		p.Text = located.GetMessage()
		if tk := located.GetToken(); tk != nil && tk.Position != nil {
			p.Line, p.Column = tk.Position.Line, tk.Position.Column
		}
	}
	f.problems = append(f.problems, p)
}

// settle fills in what the file may leave unsaid.
func (r *Release) settle() {
	if r.Schema == "" {
		r.Schema = "public"
	}
	r.Rollout.settle()
	var first uint64
	if len(r.Migrations) > 0 {
		first = r.First()
	}
	for _, probes := range [][]Probe{r.Prerequisites.Probes, r.Probes} {
		for i := range probes {
			probes[i].Severity = cmp.Or(probes[i].Severity, SeverityFail)
			probes[i].Since = cmp.Or(probes[i].Since, first)
		}
	}
	for i := range r.Plans {
		r.Plans[i].Since = cmp.Or(r.Plans[i].Since, first)
		if len(r.Plans[i].Without) == 0 {
			r.Plans[i].Without = []string{NodeSeqScan}
		}
	}
	made := r.settleObjects()
	for i := range r.Writes.Tests {
		w := &r.Writes.Tests[i]
		w.Since = cmp.Or(w.Since, made[w.Table])
	}
}

// settleObjects does so for the objects, and returns the version that first names
// each table.
func (r *Release) settleObjects() map[string]uint64 {
	made := map[string]uint64{}
	for _, objects := range r.Objects {
		for _, t := range objects.Tables {
			if _, known := made[t.Name]; !known {
				made[t.Name] = objects.Version
			}
			for i := range t.Indexes {
				t.Indexes[i].Method = cmp.Or(t.Indexes[i].Method, "btree")
			}
			for i := range t.Constraints {
				if c := &t.Constraints[i]; c.Kind == KindForeignKey {
					c.OnDelete = cmp.Or(c.OnDelete, "no action")
				}
			}
		}
	}
	return made
}
