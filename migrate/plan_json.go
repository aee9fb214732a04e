package migrate

import "encoding/json"

// PlanData is a Plan as --output json shows it, under "data". Its fields only
// ever grow in number.
type PlanData struct {
	Direction Direction `json:"direction"`
	// From and To are versions; -1 is none.
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	Source string `json:"source"`
	SHA256 string `json:"sha256"`
	// Resumes says that the first file goes on where an interrupted run ended.
	Resumes bool       `json:"resumes,omitempty"`
	Files   []FileData `json:"files"`
	Touches TouchData  `json:"touches"`
}

// FileData is a file of a plan, in the order of running.
type FileData struct {
	Version    uint64    `json:"version"`
	Name       string    `json:"name"`
	File       string    `json:"file"`
	Direction  Direction `json:"direction"`
	SHA256     string    `json:"sha256"`
	Statements int       `json:"statements"`
	// Transactional says that the file runs whole or not at all; Reason, when it
	// does not, says why.
	Transactional bool   `json:"transactional"`
	Reason        string `json:"reason,omitempty"`
	// Release says that the file belongs to the release.
	Release bool `json:"release"`
	// After is the database's version once the file has run; -1 is none.
	After int64 `json:"after"`
	// Done is how many statements are done already.
	Done    int       `json:"done,omitempty"`
	Touches TouchData `json:"touches"`
}

// TouchData is what SQL says it touches. Tables are "schema.name" where the SQL
// names the schema, "name" where search_path decides.
type TouchData struct {
	Created           []string `json:"created,omitempty"`
	Altered           []string `json:"altered,omitempty"`
	Written           []string `json:"written,omitempty"`
	Dropped           []string `json:"dropped,omitempty"`
	Referenced        []string `json:"referenced,omitempty"`
	ColumnsDropped    []string `json:"columns_dropped,omitempty"`
	ColumnsRetyped    []string `json:"columns_retyped,omitempty"`
	IndexesCreated    []string `json:"indexes_created,omitempty"`
	IndexesDropped    []string `json:"indexes_dropped,omitempty"`
	TriggersCreated   []string `json:"triggers_created,omitempty"`
	FunctionsCreated  []string `json:"functions_created,omitempty"`
	ExtensionsCreated []string `json:"extensions_created,omitempty"`
	Roles             []string `json:"roles,omitempty"`
	// Opaque are statements whose effect cannot be told from their text.
	Opaque []string `json:"opaque,omitempty"`
}

// Data is the plan as --output json shows it.
func (p *Plan) Data() PlanData {
	d := PlanData{
		Direction: p.Direction, From: p.From, To: p.To, Source: p.Source, SHA256: p.SHA256,
		Resumes: p.Resumes, Files: []FileData{}, Touches: p.Touches().Data(),
	}
	for _, f := range p.Files {
		d.Files = append(d.Files, FileData{
			Version: f.Version, Name: f.Name, File: f.FileName, Direction: f.Direction, SHA256: f.SHA256,
			Statements: len(f.Statements), Transactional: f.Transactional, Reason: f.NonTransactionalReason,
			Release: f.Release, After: f.After, Done: f.Done, Touches: f.Touches().Data(),
		})
	}
	return d
}

// MarshalJSON writes the plan as PlanData.
func (p *Plan) MarshalJSON() ([]byte, error) { return json.Marshal(p.Data()) }

// Data is what is touched, as names.
func (t Touched) Data() TouchData {
	d := TouchData{
		Created: names(t.Created), Altered: names(t.Altered), Written: names(t.Written),
		Dropped: names(t.Dropped), Referenced: names(t.Referenced),
		ColumnsDropped: names(t.ColumnsDropped), ColumnsRetyped: names(t.ColumnsRetyped),
		IndexesCreated: names(t.IndexesCreated), IndexesDropped: names(t.IndexesDropped),
		TriggersCreated: t.TriggersCreated, FunctionsCreated: names(t.FunctionsCreated),
		ExtensionsCreated: t.Extensions, Roles: t.Roles,
	}
	for _, o := range t.Opaque {
		d.Opaque = append(d.Opaque, o.String())
	}
	return d
}

func names[T interface{ String() string }](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, v.String())
	}
	return out
}
