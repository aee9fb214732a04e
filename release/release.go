package release

import (
	"fmt"
	"slices"
	"time"
)

// Release is one feature as it is shipped.
type Release struct {
	// Name is how commands and the ledger call it: lower case, e.g. "moderation".
	Name string `yaml:"name"`
	// Title begins sentences, e.g. "Moderation system".
	Title string `yaml:"title"`
	// Schema is where its objects stand; "public" unless the file says otherwise.
	Schema string `yaml:"schema"`
	// Floor is the version the release stands on; rollback goes no lower.
	Floor uint64 `yaml:"floor"`
	// Target is the version the release ends at: one of Migrations.
	Target uint64 `yaml:"target"`
	// Migrations are the release's own files, ascending. Others may lie between.
	Migrations []Migration `yaml:"migrations"`
	// Messages are the two sentences operators know.
	Messages Messages `yaml:"messages"`
	// Prerequisites must hold before the first migration runs.
	Prerequisites Prerequisites `yaml:"prerequisites"`
	// Thresholds are what preflight judges activity by.
	Thresholds Thresholds `yaml:"thresholds"`
	// Objects are what each version adds, ascending by version.
	Objects []Objects `yaml:"objects"`
	// Probes look at the data once the release is applied.
	Probes []Probe `yaml:"probes"`
	// Plans are queries that must be served by a certain index.
	Plans []Plan `yaml:"plans"`
	// Writes prove that every table of the release takes rows.
	Writes Writes `yaml:"writes"`
	// Rollout is how the feature is exposed once it is deployed.
	Rollout Rollout `yaml:"rollout"`
}

// Migration is one file of the release.
type Migration struct {
	Version uint64 `yaml:"version"`
	// Name is the part of the file name between version and direction.
	Name string `yaml:"name"`
}

// FileName is the name of the file that goes in that direction, "up" or "down".
func (m Migration) FileName(direction string) string {
	return fmt.Sprintf("%06d_%s.%s.sql", m.Version, m.Name, direction)
}

// Messages are the last lines of a successful preflight and validate.
type Messages struct {
	Proceed string `yaml:"proceed"`
	Ready   string `yaml:"ready"`
}

// Thresholds are the limits preflight judges by. A zero value means that the
// file does not state one and the check's own default applies.
type Thresholds struct {
	// LongTransaction is the age from which an open transaction stops a migration.
	LongTransaction time.Duration `yaml:"long_transaction"`
}

// Owns reports whether the migration of that version belongs to the release.
func (r *Release) Owns(version uint64) bool {
	return slices.Contains(r.Versions(), version)
}

// Versions lists the release's own versions, ascending.
func (r *Release) Versions() []uint64 {
	versions := make([]uint64, len(r.Migrations))
	for i, m := range r.Migrations {
		versions[i] = m.Version
	}
	return versions
}

// First is the release's lowest version.
func (r *Release) First() uint64 { return r.Migrations[0].Version }

// Migration returns the release's migration of that version.
func (r *Release) Migration(version uint64) (Migration, bool) {
	for _, m := range r.Migrations {
		if m.Version == version {
			return m, true
		}
	}
	return Migration{}, false
}

// Pending lists the migrations of the release that a database at that version
// does not have; a negative version has none.
func (r *Release) Pending(version int64) []Migration {
	var pending []Migration
	for _, m := range r.Migrations {
		if version < 0 || m.Version > uint64(version) {
			pending = append(pending, m)
		}
	}
	return pending
}
