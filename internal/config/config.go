// Package config turns flags, environment, .env, clipperops.yaml and libpq's
// own sources into one Config: which database, how to reach it, and where
// things lie, each value with the place it came from.
//
// A flag beats the process environment, which beats the .env file, which beats
// clipperops.yaml; PG* variables, service and password files fill what none of
// those state, as libpq's defaults do. Two sources at one level that disagree
// are an error that names both.
package config

// Flags are the global flags as the operator gave them, "" for those not given.
type Flags struct {
	Environment, EnvFile, DatabaseURL, Path, Release, ConfigFile, BackupDir, ReportDir string
	// Rehearse is --rehearse, RehearseOn --rehearse-on.
	Rehearse, RehearseOn string
}

// Sources is everything Load reads from, apart from the files it finds by it.
type Sources struct {
	Flags Flags
	// Environ is the process environment, entries of the form KEY=value.
	Environ []string
	// Dir is the working directory. Relative paths in flags, in the environment
	// and in .env files begin here.
	Dir string
	// Home is the home directory, "" when there is none.
	Home string
	// Username is the operating system's name for the operator: the default for
	// the database user, as with libpq.
	Username string
}

// Setting is one resolved value and where it came from.
type Setting struct {
	// Key is the name in clipperops.yaml, e.g. "database.host".
	Key string
	// Value is "***" for a secret and "" where nothing is set.
	Value string
	// Source is e.g. "flag --database-url", "environment DB_HOST",
	// "backend/.env DB_HOST (line 3)", "clipperops.yaml (line 7)", "PGHOST",
	// "pgpass ~/.pgpass", "service clipper", "default" or "not set".
	Source string
}

// Config is the resolved configuration. It shows no secret, however printed.
type Config struct {
	Environment Environment
	// Target is the database; it is valid when TargetErr is nil, and without its password where
	// that is what cannot be read.
	Target Target
	// PasswordFile is what Target's password was read from, "" where it came from elsewhere.
	PasswordFile PasswordFile
	// TargetErr is an *ops.Failure that says why there is no Target: none is
	// configured, not enough of it, or its password cannot be read. It matters only to those that need one.
	TargetErr error
	// MigrationsPath is a directory of migration files, "" for the embedded set.
	MigrationsPath string
	// ReleaseFile is a release file, "" for the embedded moderation release.
	ReleaseFile string
	// BackupDir is where backups are kept. Default /var/backups/clipper.
	BackupDir string
	// ReportDir is where reports of runs that change something are left.
	// Default $XDG_STATE_HOME/clipperops/reports.
	ReportDir string
	// PgPrograms is the directory of pg_dump and psql, "" to search for them.
	PgPrograms string
	// Rehearsal is how changes are rehearsed.
	Rehearsal Rehearsal
	// Rollout is where the flag is, who follows it, and who is asked and told.
	Rollout Rollout
	// Settings are all values with their sources, in a fixed order.
	Settings []Setting
	// Warnings are sentences about what is allowed but should be mended.
	Warnings []string
	// Exposed are those of the warnings that tell of a password on the command line:
	// they are worth being said at once.
	Exposed []string
}
