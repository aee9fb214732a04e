package rehearsal

import (
	"time"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/migrate"
)

// Relation is a table, an index or their like, as it was known when it was measured.
type Relation struct {
	OID    uint32 `json:"-"`
	Schema string `json:"schema"`
	Name   string `json:"name"`
	// Kind is pg_class.relkind in words: "table", "partitioned table", "index",
	// "materialized view", "view", "sequence", "foreign table".
	Kind string `json:"kind"`
	// New says that the pass itself made it: nobody uses it yet.
	New bool `json:"new,omitempty"`
}

// String is the name as operators say it: schema public goes without saying.
func (r Relation) String() string {
	if r.Schema == "public" || r.Schema == "" {
		return r.Name
	}
	return r.Schema + "." + r.Name
}

// Lock is a relation that a statement locked.
type Lock struct {
	Relation Relation `json:"relation"`
	// Mode is the strongest mode held.
	Mode LockMode `json:"mode"`
	// Statement is the place, from 0, of the statement that took that mode; -1 when the
	// file was not taken apart.
	Statement int `json:"statement"`
	// Held is how long it was held on the clone: from the beginning of that statement
	// to the commit; outside a transaction, until that statement was done.
	Held time.Duration `json:"held_ns"`
}

// Index is an index that was built.
type Index struct {
	Relation
	// Table is what it is on.
	Table Relation `json:"table"`
}

// Rows counts the rows of a relation that a statement wrote, dropped tables and
// TRUNCATE included as deleted.
type Rows struct {
	Relation Relation `json:"relation"`
	Inserted int64    `json:"inserted,omitempty"`
	Updated  int64    `json:"updated,omitempty"`
	Deleted  int64    `json:"deleted,omitempty"`
}

// Statement is what one statement did on the clone.
type Statement struct {
	// Index is its place in the file, from 0, Line where it begins, from 1.
	Index int `json:"index"`
	Line  int `json:"line"`
	// Text is the statement as it stands in the file, without the rows of a COPY.
	Text string        `json:"text"`
	Took time.Duration `json:"took_ns"`
	// WAL is how many bytes of write-ahead log the whole server wrote meanwhile.
	WAL int64 `json:"wal_bytes"`
	// Grown is how many bytes what it touched grew, indexes and TOAST included; negative
	// where it takes something away.
	Grown int64 `json:"grown_bytes"`
	// Locks were taken, or made stronger, by this statement.
	Locks []Lock `json:"locks,omitempty"`
	// Rewritten are relations that were there before and whose storage is a new one.
	Rewritten []Relation `json:"rewritten,omitempty"`
	// Built are indexes of relations that were there before the pass, new or built anew.
	// Those that were written with their table are not told apart from it.
	Built []Index `json:"built,omitempty"`
	// Scanned are relations, there before the pass, that were read through.
	Scanned []Relation `json:"scanned,omitempty"`
	// Made and Dropped are relations that came and went.
	Made    []Relation `json:"made,omitempty"`
	Dropped []Relation `json:"dropped,omitempty"`
	Rows    []Rows     `json:"rows,omitempty"`
}

// File is what one file did on the clone.
type File struct {
	migrate.File `json:"-"`
	Took         time.Duration `json:"took_ns"`
	// WAL is as in Statement, Grown how many bytes the database grew.
	WAL   int64 `json:"wal_bytes"`
	Grown int64 `json:"grown_bytes"`
	// Statements is one for each of the file's; none when it was not taken apart. What
	// cannot stop anybody, and what of a very long file would take too long to look at, is
	// told of the next statement that was looked at; of a long way back it is the last one.
	Statements []Statement `json:"statements,omitempty"`
	// Locks has every relation once, with its strongest mode.
	Locks []Lock `json:"locks,omitempty"`
	// Changes is the schema diff over the file, or over a group of files that ends with
	// this one: Since is the first of the group, as 000049.
	Changes []pg.Change `json:"changes,omitempty"`
	Since   string      `json:"since,omitempty"`
	// Grouped says that the file's changes stand with a later one.
	Grouped bool `json:"grouped,omitempty"`
}

// PassName tells the three passes of a rehearsal.
type PassName string

// The passes: there, back, there again.
const (
	There PassName = "there"
	Back  PassName = "back"
	Again PassName = "again"
)

// Pass is one way over the clone.
type Pass struct {
	Name PassName
	Plan *migrate.Plan
	// Files are those that ran to their end, measured in There and Back.
	Files []File
	Took  time.Duration
	// After is the schema at the end of the pass, also when a file failed.
	After *pg.Snapshot
	// Failure is why the pass did not come to its end; the file is in its chain as a
	// *migrate.FileError.
	Failure *ops.Failure
	// Reached is the version at which the clone then stood.
	Reached int64
}

// Size is how large a relation of the target is.
type Size struct {
	// Rows is the server's estimate, -1 when it has none.
	Rows int64
	// Bytes is that of the table without its indexes.
	Bytes int64
}

// Mode says what the clone holds.
type Mode string

// The modes: the schema alone, or the backup with all its rows.
const (
	SchemaOnly Mode = "schema"
	WithData   Mode = "data"
)

// Outcome is everything a rehearsal found out.
type Outcome struct {
	Plan *migrate.Plan
	Mode Mode
	// Place says where the clone was, e.g. "the target's own server".
	Place string
	// Before is the clone's schema before the first pass.
	Before *pg.Snapshot
	// Passes are There, Back and Again, as far as they were gone.
	Passes []Pass
	// NoWayBack is why no plan for the pass Back could be made; nil when there was one.
	NoWayBack error
	// Sizes are those of the target's tables, by Relation.String().
	Sizes map[string]Size
	// CloneSizes are those of the clone before the first pass, with Mode WithData.
	CloneSizes map[string]Size
	// Rates are what the clone's server does in a second; zero where nothing asked for it.
	Rates Rates
	Took  time.Duration
	// AllowIrreversible says that the change may go on without a way back: what lacks is
	// then a warning.
	AllowIrreversible bool

	// indexes are kept once they were asked for.
	indexes *indexesBefore
}

// Rates are measured on the clone: how fast tables are read, written anew and indexed
// there. They turn the target's sizes into times.
type Rates struct {
	// ScanBytes and RewriteBytes are bytes of a table per second.
	ScanBytes    float64 `json:"scan_bytes_per_second"`
	RewriteBytes float64 `json:"rewrite_bytes_per_second"`
	// IndexRows and UpdateRows are rows per second.
	IndexRows  float64 `json:"index_rows_per_second"`
	UpdateRows float64 `json:"update_rows_per_second"`
}

// Pass returns the pass of that name, nil when it was not begun.
func (o *Outcome) Pass(name PassName) *Pass {
	for i := range o.Passes {
		if o.Passes[i].Name == name {
			return &o.Passes[i]
		}
	}
	return nil
}
