package backup

import (
	"path/filepath"
	"strings"
	"time"
)

const (
	stampLayout    = "20060102-150405"
	namePrefix     = "db-"
	dumpSuffix     = ".sql.gz"
	partialSuffix  = dumpSuffix + ".partial"
	manifestSuffix = ".json"
)

// stem is the part of the names of one backup that its files share.
func stem(at time.Time) string { return namePrefix + at.UTC().Format(stampLayout) }

// takenAt reads the time off the name of one of a backup's files; ok is false
// for files that are none.
func takenAt(name, suffix string) (at time.Time, ok bool) {
	stamp, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return time.Time{}, false
	}
	if stamp, ok = strings.CutPrefix(stamp, namePrefix); !ok {
		return time.Time{}, false
	}
	at, err := time.Parse(stampLayout, stamp)
	return at, err == nil
}

// ManifestPath is where the manifest of a dump lies: db-….sql.gz → db-….json.
func ManifestPath(dump string) string {
	return strings.TrimSuffix(dump, dumpSuffix) + manifestSuffix
}

func inDir(dir, stem, suffix string) string { return filepath.Join(dir, stem+suffix) }
