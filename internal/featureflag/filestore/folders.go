package filestore

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mostLinks is how many symbolic links are followed, as the kernel has it; more are
// a circle.
const mostLinks = 40

// folders are where it shows that the path leads to another file: the file's own
// folder, that of every symbolic link on the way, and where something on the way is
// missing, the last folder there is, for that is where it will appear.
func folders(path string) []string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return []string{filepath.Dir(path)}
	}
	var found []string
	at, rest := "/", strings.Split(absolute[1:], "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, name)
		if name == "" || name == "." || name == ".." {
			at = next // what is above at is at's real parent: at has no link in it
			continue
		}
		info, err := os.Lstat(next)
		if err != nil {
			return with(found, at)
		}
		if info.Mode()&os.ModeSymlink == 0 {
			if len(rest) == 0 {
				found = with(found, at)
			}
			at = next
			continue
		}
		found = with(found, at)
		target, err := os.Readlink(next)
		if links++; err != nil || links > mostLinks {
			return found
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return found
}

func with(folders []string, folder string) []string {
	if slices.Contains(folders, folder) {
		return folders
	}
	return append(folders, folder)
}
