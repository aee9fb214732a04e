package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/clipper/clipperops/internal/ops"
)

// checkDisk looks where the backup will be written, without making anything.
func checkDisk(_ context.Context, i *inspection) ops.Result {
	switch {
	case i.BackupWaived != "":
		return ops.Skip("no backup will be taken: " + i.BackupWaived)
	case i.BackupDir == "":
		return ops.Skip("no backup directory was given")
	}
	place, there, result := standing(i.BackupDir)
	if result != nil {
		return *result
	}
	facts := []ops.Fact{{Name: "directory", Value: i.BackupDir}}
	if !there {
		facts = append(facts, ops.Fact{Name: "will be made in", Value: place})
	}
	if err := mayWrite(place); err != nil {
		return ops.Fail(fmt.Sprintf("%s cannot be written: %v", place, err),
			fmt.Sprintf("sudo install -d -m 700 -o $(id -un) %s   or set BACKUP_DIR to a directory that can be written", i.BackupDir), facts...)
	}
	free, err := freeBytes(place)
	if err != nil {
		return ops.Warn("the free space of "+place+" is not known: "+err.Error(), "df -h "+place+"   shows it", facts...)
	}
	return i.judgeRoom(place, free, append(facts, ops.Fact{Name: "free", Value: size(free)}))
}

// judgeRoom compares the free space with what the dump is taken to need.
func (i *inspection) judgeRoom(place string, free int64, facts []ops.Fact) ops.Result {
	if i.Server.DatabaseBytes <= 0 {
		facts = append(facts, ops.Fact{Name: "dump", Value: "not estimated: the size of the database is not known"})
		if i.Conn == nil {
			return ops.Pass(size(free)+" free in "+place, facts...)
		}
		return ops.Warn(size(free)+" free in "+place+"; whether that is enough is not known",
			"compare with: SELECT pg_size_pretty(pg_database_size(current_database()));", facts...)
	}
	need := int64(float64(i.Server.DatabaseBytes) * i.Thresholds.DumpRatio)
	facts = append(facts, ops.Fact{
		Name:  "dump",
		Value: fmt.Sprintf("estimated at %s: %.0f %% of the database's %s on disk", size(need), 100*i.Thresholds.DumpRatio, size(i.Server.DatabaseBytes)),
	})
	if free < need {
		return ops.Fail(fmt.Sprintf("%s free in %s, and the dump may need %s", size(free), place, size(need)),
			"clipperops backup list   shows what can go; or set BACKUP_DIR to a larger disk", facts...)
	}
	return ops.Pass(fmt.Sprintf("%s free in %s, and the dump may need %s", size(free), place, size(need)), facts...)
}

// standing walks up from dir to what exists: dir itself, or where it will be made.
func standing(dir string) (place string, there bool, finding *ops.Result) {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && info.IsDir():
			return at, at == filepath.Clean(dir), nil
		case err == nil:
			r := ops.Fail(at+" is not a directory", "set BACKUP_DIR to a directory", ops.Fact{Name: "directory", Value: dir})
			return "", false, &r
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) || at == filepath.Dir(at):
			r := ops.Fail(fmt.Sprintf("%s cannot be looked at: %v", at, errors.Unwrap(err)),
				"make it accessible, or set BACKUP_DIR to another directory", ops.Fact{Name: "directory", Value: dir})
			return "", false, &r
		}
	}
}
