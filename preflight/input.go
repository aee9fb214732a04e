package preflight

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/release"
)

// Input is everything the checks look at besides the database itself. A part
// that could not be had is given as its error; a part that is left zero makes
// its checks skip.
type Input struct {
	Environment config.Environment
	Target      config.Target
	Config      *config.Config
	ConfigErr   error

	// Conn is the connection the checks ask through, one at a time. It must not be
	// opened with pg.ConnOptions.ReadOnly: db.primary could not tell that from a
	// server that is read-only. ConnErr says why there is none.
	Conn    *pgx.Conn
	ConnErr error
	// Latency is one round trip; zero lets db.connect measure it.
	Latency time.Duration
	// Server is what pg.Describe answered.
	Server pg.Server

	// Release is what is going to be shipped. Nil means no release: what depends on
	// one skips.
	Release *release.Release

	// Source names where the files come from; SourceErr says why they cannot be read.
	Source    string
	SourceErr error
	// Files are the problems of the files. Those with the id files.late are not
	// taken from here: which file is late follows from Versions and Known.
	Files []FileProblem
	// Versions are those that have a file; Names has the name of the up file of
	// each, for evidence.
	Versions []uint64
	Names    map[uint64]string
	// Known are the versions the ledger knows to be part of the database.
	Known []uint64

	State    State
	StateErr error

	// Plan is what is going to be done; zero where nothing is, or where PlanErr says
	// why there is none. The release then stands in for it.
	Plan    Plan
	PlanErr error

	Programs    pg.Programs
	ProgramsErr error
	// BackupDir is where the backup will be written. Default: that of Config.
	BackupDir string
	// AllowIrreversible says that the change may go on without a way back, CancelIdle how
	// long a session may be idle in transaction that the change then ends when it is in
	// the way; zero: none is ended.
	AllowIrreversible bool
	CancelIdle        time.Duration
	// CanRehearse says whether the place that was chosen for the rehearsal can hold a clone:
	// nil, or what is missing. Where it is nil itself NoRehearsal says why.
	CanRehearse func(context.Context) error
	NoRehearsal string
	// BackupWaived is the reason why no backup will be taken, "" when one will.
	BackupWaived string

	// LockIDs are the advisory locks of whoever migrates. Default: clipperops' own
	// and golang-migrate's two for this database.
	LockIDs []int64
	// OwnPIDs are our own sessions, besides Conn's.
	OwnPIDs []int

	Thresholds Thresholds
}

// Thresholds are the limits the checks judge by. Zero fields take the release's
// value where it states one, else the default.
type Thresholds struct {
	// LongTransaction is the age from which an open transaction stops the
	// operation. Default 5 minutes.
	LongTransaction time.Duration
	// IdleTransaction is the age from which a session idle in a transaction is
	// warned of. Default 1 minute.
	IdleTransaction time.Duration
	// LockHeld is the age of a transaction from which a lock of it on a table of the plan
	// is warned of. Default 2 seconds, the engine's lock_timeout: whoever lets go sooner is
	// waited for.
	LockHeld time.Duration
	// ReplicationLag and ReplicationBytes are how far a standby, or a slot nobody reads, may
	// be behind. Default 10 seconds and 1 GB.
	ReplicationLag   time.Duration
	ReplicationBytes int64
	// DumpRatio is how large a compressed dump is taken to be at most, as a part of
	// the database's size on disk, indexes included. Default 0.5, well above what
	// they usually are, because to run out of space is worse than to ask for more.
	DumpRatio float64
}

// FileProblem is something wrong with the migration files.
type FileProblem struct {
	// ID is files.complete or files.transaction.
	ID string
	// File is the file's name, "" when it is about the directory.
	File string
	// Line is where in the file, from 1; zero for the whole of it.
	Line int
	// Text says what is wrong, Fix what to do about it.
	Text string
	Fix  string
	// OfWayBack says that the plan can be applied all the same, and not be undone.
	OfWayBack bool
}

// State is where the database stands.
type State struct {
	// Schema is the one schema_migrations is kept in. Default: the server's own.
	Schema string
	// Table says that schema_migrations exists; Rows is how many rows it has.
	Table bool
	Rows  int
	// Version is the row's, -1 when there is none.
	Version int64
	// Dirty is golang-migrate's mark of a file begun and not finished.
	Dirty bool
	// Resumable says how far a file has come whose dirty mark is clipperops' own, so
	// that migrating goes on behind it unless PlanErr says otherwise; "" for any other
	// mark.
	Resumable string
}

// Table is a table as SQL names it.
type Table struct {
	// Schema is "" where search_path decides.
	Schema string
	Name   string
}

// String is "schema.name", or "name" where search_path decides.
func (t Table) String() string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Plan is what is going to be done, as far as preflight needs to know.
type Plan struct {
	// From and To are versions, -1 is none; Files is how many files lie between.
	From, To int64
	Files    int
	// Touches is what all the files touch; Before is the part of it that is done by
	// files before the release's first.
	Touches Touches
	Before  Touches
}

// Touches is what files touch, read from their text.
type Touches struct {
	// Created, Altered and Dropped are tables. Referenced are those that are read,
	// or that a foreign key points to.
	Created, Altered, Dropped, Referenced []Table
	// Extensions are those created, Roles those named, which must exist.
	Extensions, Roles []string
	// Opaque are statements whose effect cannot be told beforehand, with their place.
	Opaque []string
}
