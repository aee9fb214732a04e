package backup

import (
	"os"

	"al.essio.dev/pkg/shellescape"
)

// Exposure warns of a backup directory that others may write to: they can put a
// dump of their own there, with a manifest that fits it. Both are empty when
// there is nothing to warn of.
func Exposure(dir string) (warning, fix string) {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o022 == 0 {
		return "", ""
	}
	return dir + " can be written by others, who could replace a dump and its manifest", "chmod go-w " + shellescape.Quote(dir)
}
