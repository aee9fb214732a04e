package rollback

import (
	"strings"

	"github.com/clipper/clipperops/internal/wholefile"
	"github.com/clipper/clipperops/migrate"
)

const (
	archiveSuffix  = ".zip"
	manifestSuffix = ".json"
	// lateInfix stands between an archive's name and the version of the down file before which
	// late rows were found: archive-20260213-031502-late-000049.zip.
	lateInfix = "-late-"
)

// series is how archives are called.
var series = wholefile.Series{Prefix: "archive-", Suffix: archiveSuffix, Manifest: manifestSuffix}

// ours reports whether a file of that name is an archive's, or that of late rows.
func ours(name string) bool {
	_, rest, ok := series.Parse(name)
	return ok && (rest == archiveSuffix || rest == manifestSuffix || strings.HasPrefix(rest, lateInfix))
}

// latePath is where the rows lie that were found late before file f.
func latePath(archive string, f migrate.File) string {
	return strings.TrimSuffix(archive, archiveSuffix) + lateInfix + f.ID() + archiveSuffix
}

var globEscapes = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// lateGlob matches the archives of late rows beside an archive.
func lateGlob(archive string) string {
	return globEscapes.Replace(strings.TrimSuffix(archive, archiveSuffix)) + lateInfix + "*" + archiveSuffix
}
