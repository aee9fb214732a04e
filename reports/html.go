package reports

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"io"

	"github.com/clipper/clipperops/internal/ops"
)

//go:embed report.html.tmpl
var htmlSource string

var htmlTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"neutral":  Neutral,
	"lines":    neutralLines,
	"value":    valueLines,
	"duration": Duration,
	"mark":     func(s ops.Status) string { return Layout{}.Mark(s) },
	"words":    stepWords,
	"bytes":    Bytes,
	"error":    func(f *ops.Failure) string { return f.Error() },
	"detail":   detailOf,
	"fixable":  bad,
}).Parse(htmlSource))

// htmlPage is what the template renders.
type htmlPage struct {
	Run        *ops.Run
	Status     ops.Status
	Outcome    string
	About      []ops.Fact
	Conclusion []string
	Failures   []*ops.Failure
	Next       []string
	// Data is the run's data as indented JSON, empty when there is none.
	Data string
}

// HTML writes the run as one self-contained page: no script, nothing fetched,
// light or dark as the reader prefers, readable on a phone and on paper.
func HTML(w io.Writer, run *ops.Run) error {
	raw, err := encodeData(run.Data)
	if err != nil {
		return err
	}
	page := htmlPage{
		Run: run, Status: statusOf(run.Outcome()), Outcome: outcomeWords(run.Outcome()),
		About: aboutRun(run), Failures: failuresOf(run),
	}
	for _, c := range run.Conclusion {
		page.Conclusion = append(page.Conclusion, unmarked(c))
	}
	if run.Err == nil {
		page.Next = run.Next
	}
	if string(raw) != "{}" {
		indented, err := json.MarshalIndent(raw, "", "  ")
		if err != nil {
			return err
		}
		page.Data = string(indented)
	}
	return htmlTemplate.Execute(w, page)
}
