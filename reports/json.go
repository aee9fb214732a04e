package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/clipper/clipperops/internal/ops"
)

// RunSchema names the shape of a run as JSON. Fields may be added to it; a change
// of meaning is a new version.
const RunSchema = "clipperops/run/v1"

// RunDocument is a run as JSON: what `--output json` prints, what a .json report
// holds, what the ledger keeps. Lists are never null.
type RunDocument struct {
	// Schema is RunSchema.
	Schema string `json:"schema"`
	// ID is a ULID.
	ID string `json:"id"`
	// Command is the command's words, e.g. "backup create".
	Command     string `json:"command"`
	Environment string `json:"environment"`
	Release     string `json:"release"`
	// Outcome is pass, warn, fail, refused, inconclusive, busy or interrupted.
	Outcome ops.Outcome `json:"outcome"`
	// ExitCode is what the process answered to the shell.
	ExitCode ops.ExitCode `json:"exit_code"`
	// Started is RFC 3339 in UTC, with milliseconds.
	Started    string `json:"started"`
	DurationMS int64  `json:"duration_ms"`
	Operator   string `json:"operator"`
	Host       string `json:"host"`
	// Version is that of clipperops.
	Version string `json:"version"`
	// Database is the target's URL without its password.
	Database  string             `json:"database"`
	Steps     []StepDocument     `json:"steps"`
	Artifacts []ArtifactDocument `json:"artifacts"`
	// Data is what is particular to the command, {} when there is nothing.
	Data json.RawMessage `json:"data"`
	// Conclusion is the last word to the operator, a sentence an item.
	Conclusion []string `json:"conclusion"`
	// Next lists the commands that make sense now.
	Next []string `json:"next"`
	// Error is absent when the run was not ended by an error.
	Error *ErrorDocument `json:"error,omitempty"`
}

// StepDocument is one step of a RunDocument.
type StepDocument struct {
	Name string `json:"name"`
	// Status is pass, warn, fail or skip.
	Status     ops.Status       `json:"status"`
	DurationMS int64            `json:"duration_ms"`
	Results    []ResultDocument `json:"results"`
}

// ResultDocument is one result of a StepDocument.
type ResultDocument struct {
	// ID anchors docs/checks.md; it is empty for a finding that is no check.
	ID       string         `json:"id"`
	Title    string         `json:"title"`
	Status   ops.Status     `json:"status"`
	Summary  string         `json:"summary"`
	Evidence []FactDocument `json:"evidence"`
	Fix      string         `json:"fix"`
}

// FactDocument is one piece of evidence.
type FactDocument struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ArtifactDocument is a file the run left behind.
type ArtifactDocument struct {
	// Kind is backup, archive or report.
	Kind   string `json:"kind"`
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// ErrorDocument is why a run did not succeed.
type ErrorDocument struct {
	// What happened, in one line.
	What string `json:"what"`
	// Detail is the server's message, an excerpt, blockers: a line an item.
	Detail []string `json:"detail"`
	// State says what is true now, one statement an item.
	State []string `json:"state"`
	// Next is what to do, preferably commands.
	Next []string `json:"next"`
}

// NewRunDocument gives a finished run the shape it has as JSON. It fails when the
// run's Data cannot be encoded.
func NewRunDocument(run *ops.Run) (RunDocument, error) {
	data, err := encodeData(run.Data)
	if err != nil {
		return RunDocument{}, fmt.Errorf("encode the data of %s: %w", run.Command, err)
	}
	d := RunDocument{
		Schema: RunSchema, ID: run.ID, Command: run.Command, Environment: run.Environment, Release: run.Release,
		Outcome: run.Outcome(), ExitCode: run.ExitCode(), Started: timestamp(run.Started), DurationMS: run.Took.Milliseconds(),
		Operator: run.Operator, Host: run.Host, Version: run.Version, Database: run.Database,
		Steps: []StepDocument{}, Artifacts: []ArtifactDocument{}, Data: data, Conclusion: list(run.Conclusion), Next: list(run.Next),
	}
	for _, s := range run.Steps {
		d.Steps = append(d.Steps, newStepDocument(s))
	}
	for _, a := range run.Artifacts {
		d.Artifacts = append(d.Artifacts, ArtifactDocument(a))
	}
	if f := failureOf(run.Err); f != nil {
		d.Error = &ErrorDocument{What: f.What, Detail: list(detailOf(f)), State: list(f.State), Next: list(f.Next)}
	}
	return d, nil
}

func newStepDocument(s *ops.Step) StepDocument {
	d := StepDocument{Name: s.Name, Status: s.Status(), DurationMS: s.Took.Milliseconds(), Results: []ResultDocument{}}
	for _, r := range s.Results {
		rd := ResultDocument{ID: r.ID, Title: r.Title, Status: r.Status, Summary: r.Summary, Evidence: []FactDocument{}, Fix: r.Fix}
		for _, f := range r.Evidence {
			rd.Evidence = append(rd.Evidence, FactDocument{Name: f.Name, Value: f.Value})
		}
		d.Results = append(d.Results, rd)
	}
	return d
}

// JSON writes the run as one RunDocument.
func JSON(w io.Writer, run *ops.Run) error {
	d, err := NewRunDocument(run)
	if err != nil {
		return err
	}
	return d.Encode(w)
}

// Encode writes the document, indented, with a final line feed.
func (d RunDocument) Encode(w io.Writer) error { return encode(w, d) }

// DecodeRun reads a RunDocument. A document of another schema, or with fields
// this version does not know, is an error.
func DecodeRun(r io.Reader) (RunDocument, error) {
	var d RunDocument
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return RunDocument{}, fmt.Errorf("decode a run: %w", err)
	}
	if d.Schema != RunSchema {
		return RunDocument{}, fmt.Errorf("decode a run: the schema is %q, not %q", d.Schema, RunSchema)
	}
	return d, nil
}

// encode writes a value as indented JSON. <, > and & stay as they are: a database
// URL should be readable.
func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func encodeData(data any) (json.RawMessage, error) {
	if data == nil {
		return json.RawMessage("{}"), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return nil, err
	}
	if raw := bytes.TrimSpace(b.Bytes()); !bytes.Equal(raw, []byte("null")) {
		return raw, nil
	}
	return json.RawMessage("{}"), nil
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// list returns the items, never null in JSON.
func list(items []string) []string {
	if items == nil {
		return []string{}
	}
	return items
}
