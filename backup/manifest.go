package backup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/clipper/clipperops/internal/pg"
)

// ManifestSchema is the identity of the manifest's format.
const ManifestSchema = "clipperops/backup/v1"

// Manifest is what is known of a dump, written beside it when it is complete.
type Manifest struct {
	Schema string `json:"schema"`
	// File is the dump's name; SHA256 and Bytes are those of the compressed file.
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	// RawBytes is the size of the SQL inside.
	RawBytes int64     `json:"raw_bytes"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	// Database is where it comes from, without the password.
	Database    string `json:"database"`
	Environment string `json:"environment,omitempty"`
	Operator    string `json:"operator,omitempty"`
	Host        string `json:"host,omitempty"`
	// Clipperops is the version that took the backup.
	Clipperops       string `json:"clipperops,omitempty"`
	ServerVersion    string `json:"server_version"`
	ServerVersionNum int    `json:"server_version_num"`
	// ClientVersion is that of pg_dump.
	ClientVersion string `json:"client_version"`
	// SchemaVersion and Dirty are golang-migrate's; nil when there is none.
	SchemaVersion *int64    `json:"schema_version"`
	Dirty         bool      `json:"dirty"`
	Locale        pg.Locale `json:"locale"`
	// Tables are the rows of every table in the dump's own snapshot.
	Tables []Table `json:"tables"`
	// Warnings are pg_dump's.
	Warnings []string `json:"warnings,omitempty"`
}

// Table is a table and the number of its rows. Name is schema-qualified and
// quoted as SQL wants it.
type Table struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// Rows is the number of rows of all tables.
func (m Manifest) Rows() int64 {
	var n int64
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

// ReadManifest reads the manifest of a dump. Unknown keys are those of a newer
// clipperops and are passed over.
func ReadManifest(dump string) (*Manifest, error) {
	path := ManifestPath(dump)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	var m Manifest
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&m); err != nil {
		return nil, fmt.Errorf("reading the manifest %s: %w", path, err)
	}
	switch {
	case m.Schema != ManifestSchema:
		return nil, fmt.Errorf("the manifest %s has the schema %q, not %q", path, m.Schema, ManifestSchema)
	case m.File != filepath.Base(dump):
		return nil, fmt.Errorf("the manifest %s speaks of %q", path, m.File)
	}
	return &m, nil
}
