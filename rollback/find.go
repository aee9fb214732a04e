package rollback

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// ArchivesOf returns the paths of the archives in dir that the run of that id
// made: what a killed rollback had saved is found by it. A directory or manifest
// that cannot be read holds none.
func ArchivesOf(dir, run string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil || run == "" {
		return nil
	}
	var paths []string
	for _, e := range entries {
		if ok, _ := filepath.Match("archive-*.json", e.Name()); !ok { // the pattern is well formed
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		var m Manifest
		if json.Unmarshal(text, &m) == nil && m.Run == run && m.File == filepath.Base(m.File) && m.File != "" {
			paths = append(paths, filepath.Join(dir, m.File))
		}
	}
	return paths
}
