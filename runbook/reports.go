package runbook

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/reports"
)

// writeReports writes the reports the operator asked for and, for a command that
// changes something, HTML and JSON in the report directory. A report that cannot
// be written does not change how the operation ended; it is said.
func (f *flow) writeReports() {
	var paths []string
	if f.changing && f.Config.TargetErr == nil {
		base := f.reportBase()
		paths = append(paths, base+".html", base+".json")
	}
	paths = append(paths, f.Reports...)
	for _, path := range paths {
		format, err := reports.FormatOf(path)
		if err == nil {
			err = reports.WriteFile(path, format, f.run)
		}
		if err != nil {
			f.run.Conclusion = append(f.run.Conclusion, "⚠ the report "+path+" could not be written: "+err.Error())
			continue
		}
		f.run.Attach(ops.Artifact{Kind: "report", Path: path})
	}
}

// reportBase is REPORT_DIR/migrate-production-20260213-031502, with the end of the
// run's id where a run of the same second has that name: its report stays.
func (f *flow) reportBase() string {
	base := filepath.Join(f.Config.ReportDir, strings.ReplaceAll(f.run.Command, " ", "-")+"-"+f.run.Environment+"-"+f.run.Started.Format("20060102-150405"))
	for _, ext := range []string{".html", ".json"} {
		if _, err := os.Lstat(base + ext); err == nil {
			return base + "-" + f.run.ID[max(0, len(f.run.ID)-6):]
		}
	}
	return base
}

// reportPath is the first report written, "" for none.
func (f *flow) reportPath() string {
	for _, a := range f.run.Artifacts {
		if a.Kind == "report" {
			return a.Path
		}
	}
	return ""
}
