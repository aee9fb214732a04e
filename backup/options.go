package backup

import (
	"os"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// defaultLockWait is how long a backup waits for the lock of a table. While it
// waits, whoever wants the same table after it waits too.
const defaultLockWait = 10 * time.Second

// Options says what to back up, whereto and with what.
type Options struct {
	Target config.Target
	// Dir is made when missing, for the owner alone.
	Dir      string
	Programs pg.Programs
	// Application is shown to others, e.g. "clipperops backup (alice@ops1)".
	Application string
	// Version of clipperops, Environment and Operator ("alice") are for the manifest.
	Version     string
	Environment config.Environment
	Operator    string
	// LockWait is how long to wait for a table's lock. Default: 10 s.
	LockWait time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Progress is told how far it has come; it must not block. Default: nobody.
	Progress func(ops.Progress)
}

// Validate completes the options with their defaults and returns a
// *ops.Failure (ExitUsage) when they cannot be worked with.
func (o *Options) Validate() error {
	if o.LockWait == 0 {
		o.LockWait = defaultLockWait
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(ops.Progress) {}
	}
	if o.Application == "" {
		o.Application = "clipperops backup"
	}
	switch {
	case o.Target.Database == "":
		return unusable("no database to back up", "set DB_NAME or DATABASE_URL")
	case o.Dir == "":
		return unusable("no backup directory", "set BACKUP_DIR or --backup-dir")
	case o.Programs.Dump.Path == "":
		return unusable("no pg_dump", "install the PostgreSQL client programs")
	}
	return nil
}

func unusable(what, next string) error {
	return &ops.Failure{Code: ops.ExitUsage, What: what, State: []string{"nothing was touched"}, Next: []string{next}}
}

// Ref points to a backup that was taken.
type Ref struct {
	// Path is the dump, ManifestPath the manifest beside it.
	Path         string
	ManifestPath string
	Manifest     Manifest
	// Removed are the unfinished files of killed runs that were cleared away.
	Removed []string
}

// Artifact is the backup as a Run notes it.
func (r Ref) Artifact() ops.Artifact {
	return ops.Artifact{Kind: "backup", Path: r.Path, SHA256: r.Manifest.SHA256, Bytes: r.Manifest.Bytes}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
