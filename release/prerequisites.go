package release

// Prerequisites are what must stand before the release's first migration.
type Prerequisites struct {
	// Postgres is the lowest major version of the server, e.g. 12.
	Postgres int `yaml:"postgres"`
	// Tables must exist with these columns.
	Tables []RequiredTable `yaml:"tables"`
	// Roles must exist, because the files grant to them.
	Roles []string `yaml:"roles"`
	// Extensions must be installed, or available to the role that migrates.
	Extensions []string `yaml:"extensions"`
	// Probes are questions to the data; preflight shows them as prereq.<id>.
	Probes []Probe `yaml:"probes"`
	// Legacy tables may hold rows the release will have to deal with; preflight
	// shows them as state.<id>. A table that does not exist is nothing to say.
	Legacy []Legacy `yaml:"legacy"`
}

// RequiredTable is a table that is there before the release, and the columns of
// it that the release relies on.
type RequiredTable struct {
	Name    string   `yaml:"name"`
	Columns []string `yaml:"columns"`
}

// Legacy is a table of an older feature whose rows deserve a warning.
type Legacy struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	Table string `yaml:"table"`
	// Fix says what to do about the rows.
	Fix string `yaml:"fix"`
}
