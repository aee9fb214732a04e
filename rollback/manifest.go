package rollback

import (
	"fmt"
	"time"
)

// ManifestFormat names the shape of a Manifest in JSON.
const ManifestFormat = "clipperops/archive/v1"

// Manifest says what an archive holds. It is the entry manifest.json of the archive, and,
// with the last three fields set, the file beside it.
type Manifest struct {
	// Format is ManifestFormat.
	Format string `json:"schema"`
	// Started and Finished are when the rows were read, in UTC.
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	// Run is the id of the run, Operator who ran it, Tool the version of clipperops.
	Run      string `json:"run,omitempty"`
	Operator string `json:"operator,omitempty"`
	Tool     string `json:"tool,omitempty"`
	// Database is where the rows come from, without the password; Server its version.
	Database string `json:"database"`
	Server   string `json:"server"`
	// From and To are the versions of the plan the archive was made for, PlanSHA256 is that
	// plan's.
	From       int64  `json:"from"`
	To         int64  `json:"to"`
	PlanSHA256 string `json:"plan_sha256"`
	// Snapshot is the server's txid_snapshot: which transactions the archive has seen.
	Snapshot string `json:"snapshot"`
	// Horizon is the transaction before which nothing was open in this database then.
	Horizon int64 `json:"horizon"`
	// Late is set in an archive of late rows.
	Late *LateOf `json:"late,omitempty"`
	// Tables are in an order in which they can be restored: what is pointed at comes first.
	Tables    []SavedTable    `json:"tables"`
	Sequences []SavedSequence `json:"sequences"`

	// File, Bytes and SHA256 are those of the archive.
	File   string `json:"file,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// LateOf ties an archive of late rows to the archive it adds to.
type LateOf struct {
	Archive string `json:"archive"`
	SHA256  string `json:"sha256"`
	// Version is that of the down file before which the rows were found.
	Version uint64 `json:"version"`
}

// LateMode says how late rows go with those saved before.
type LateMode string

// The modes of a table in an archive of late rows.
const (
	// LateAppend: the rows came in addition, none of those saved before has changed.
	LateAppend LateMode = "append"
	// LateReplace: rows have changed or gone; these are all the rows there were.
	LateReplace LateMode = "replace"
)

// SavedTable is one table in an archive.
type SavedTable struct {
	Relation
	// Loss is why the table is in the archive.
	Loss LossKind `json:"loss"`
	// Mode is set in an archive of late rows.
	Mode LateMode `json:"mode,omitempty"`
	// Columns are the columns of the entry, in order. Generated ones are left out: the server
	// computes them.
	Columns []string `json:"columns"`
	// Numbers are the columns' own, which they keep when they are renamed.
	Numbers []int16 `json:"column_numbers"`
	// ColumnsDropped are those the down files drop from a table that stays.
	ColumnsDropped []string `json:"columns_dropped,omitempty"`
	PrimaryKey     []string `json:"primary_key,omitempty"`
	// PartitionOf is the partitioned table the rows can be restored through when the
	// partition is not made again.
	PartitionOf *Relation `json:"partition_of,omitempty"`
	Rows        int64     `json:"rows"`
	// Bytes and SHA256 are those of the entry's text.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Entry holds the rows as COPY writes them, DDL what the table looked like.
	Entry string `json:"entry"`
	DDL   string `json:"ddl,omitempty"`
}

// SavedSequence is where a sequence stood.
type SavedSequence struct {
	Relation
	// OwnedBy is the table whose column the sequence numbers, zero for none.
	OwnedBy   Relation `json:"owned_by,omitzero"`
	LastValue int64    `json:"last_value"`
	IsCalled  bool     `json:"is_called"`
}

// Rows is how many rows the archive holds.
func (m Manifest) Rows() int64 {
	var n int64
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

// Table returns the table of that OID.
func (m Manifest) Table(oid uint32) (SavedTable, bool) {
	for _, t := range m.Tables {
		if t.OID == oid {
			return t, true
		}
	}
	return SavedTable{}, false
}

// ArchiveRef is a complete archive: on disk, under its name, and proven readable.
type ArchiveRef struct {
	Path         string
	ManifestPath string
	SHA256       string
	Bytes        int64
	Manifest     Manifest
}

// Rows is how many rows the archive holds.
func (a ArchiveRef) Rows() int64 { return a.Manifest.Rows() }

// String is the archive in a few words: "83024 rows of 9 tables".
func (a ArchiveRef) String() string {
	return fmt.Sprintf("%s of %s", counted(a.Rows(), "row"), counted(int64(len(a.Manifest.Tables)), "table"))
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
