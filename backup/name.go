package backup

import "github.com/clipper/clipperops/internal/wholefile"

const (
	dumpSuffix     = ".sql.gz"
	partialSuffix  = dumpSuffix + wholefile.Suffix
	manifestSuffix = ".json"
)

// series is how the files of backups are called.
var series = wholefile.Series{Prefix: "db-", Suffix: dumpSuffix, Manifest: manifestSuffix}

// ours reports whether a file of that name is a backup's.
func ours(name string) bool {
	_, suffix, ok := series.Parse(name)
	return ok && (suffix == dumpSuffix || suffix == manifestSuffix)
}

// ManifestPath is where the manifest of a dump lies: db-….sql.gz → db-….json.
func ManifestPath(dump string) string { return series.ManifestPath(dump) }
