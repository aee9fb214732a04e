package ledger

import (
	"encoding/json"

	"github.com/clipper/clipperops/internal/ops"
)

// How much of a run its summary keeps; the report has all of it.
const (
	maxSteps     = 100
	maxFindings  = 50
	maxArtifacts = 50
)

// Summary is what the ledger keeps of a finished run besides its outcome.
type Summary struct {
	Counts    Counts     `json:"counts"`
	Steps     []Step     `json:"steps,omitempty"`
	Findings  []Finding  `json:"findings,omitempty"`
	Artifacts []Artifact `json:"artifacts,omitempty"`
}

// Counts is how many results of a run had each status.
type Counts struct {
	Pass int `json:"pass"`
	Warn int `json:"warn"`
	Fail int `json:"fail"`
	Skip int `json:"skip"`
}

// Step is one step of a run.
type Step struct {
	Name       string     `json:"name"`
	Status     ops.Status `json:"status"`
	DurationMS int64      `json:"duration_ms"`
}

// Rehearsal is the id of the result that says how the rehearsal as a whole ended, or with
// what reason there was none: both have to be known later.
const Rehearsal = "rehearse"

// Finding is a result that warned or failed, that says why a step was left out, or how the
// rehearsal ended.
type Finding struct {
	ID      string     `json:"id"`
	Status  ops.Status `json:"status"`
	Summary string     `json:"summary"`
}

// Artifact is a file the run left behind.
type Artifact struct {
	Kind   string `json:"kind"`
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
}

// summary condenses run; every text in it is cleaned.
func (c cleaner) summary(run *ops.Run) ([]byte, error) {
	var s Summary
	results := run.Results()
	n := ops.Count(results)
	s.Counts = Counts{Pass: n.Pass, Warn: n.Warn, Fail: n.Fail, Skip: n.Skip}
	for _, step := range run.Steps[:min(len(run.Steps), maxSteps)] {
		s.Steps = append(s.Steps, Step{Name: c.line(step.Name, maxLabel), Status: step.Status(), DurationMS: step.Took.Milliseconds()})
	}
	for _, r := range results {
		leftOut := r.Status == ops.StatusSkip && r.Title == "" // with a title it is a check that does not apply
		if r.Status != ops.StatusWarn && r.Status != ops.StatusFail && !leftOut && r.ID != Rehearsal || len(s.Findings) == maxFindings {
			continue
		}
		s.Findings = append(s.Findings, Finding{ID: c.line(r.ID, maxLabel), Status: r.Status, Summary: c.line(r.Summary, maxFinding)})
	}
	for _, a := range run.Artifacts[:min(len(run.Artifacts), maxArtifacts)] {
		s.Artifacts = append(s.Artifacts, Artifact{
			Kind: c.line(a.Kind, maxLabel), Path: c.line(a.Path, maxPath), SHA256: c.line(a.SHA256, maxLabel), Bytes: a.Bytes,
		})
	}
	return json.Marshal(s)
}
