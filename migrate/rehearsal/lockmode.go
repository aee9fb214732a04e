package rehearsal

// LockMode is a table lock's mode, ordered by strength.
type LockMode int

// The modes, the weakest first. NoLock is the absence of one.
const (
	NoLock LockMode = iota
	AccessShare
	RowShare
	RowExclusive
	ShareUpdateExclusive
	Share
	ShareRowExclusive
	Exclusive
	AccessExclusive
)

var lockModes = []struct{ server, name string }{
	NoLock:               {"", "none"},
	AccessShare:          {"AccessShareLock", "ACCESS SHARE"},
	RowShare:             {"RowShareLock", "ROW SHARE"},
	RowExclusive:         {"RowExclusiveLock", "ROW EXCLUSIVE"},
	ShareUpdateExclusive: {"ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"},
	Share:                {"ShareLock", "SHARE"},
	ShareRowExclusive:    {"ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"},
	Exclusive:            {"ExclusiveLock", "EXCLUSIVE"},
	AccessExclusive:      {"AccessExclusiveLock", "ACCESS EXCLUSIVE"},
}

// ParseLockMode reads a mode as pg_locks writes it, e.g. "AccessExclusiveLock";
// NoLock for anything else.
func ParseLockMode(server string) LockMode {
	for mode, names := range lockModes {
		if names.server == server && server != "" {
			return LockMode(mode)
		}
	}
	return NoLock
}

// String is the mode as SQL writes it.
func (m LockMode) String() string {
	if m < NoLock || m > AccessExclusive {
		return "unknown"
	}
	return lockModes[m].name
}

// MarshalText writes the mode as SQL does.
func (m LockMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Stops says what of an application waits while the mode is held: "reads and writes",
// "writes", or "" for neither.
func (m LockMode) Stops() string {
	switch {
	case m >= AccessExclusive:
		return "reads and writes"
	case m >= Share:
		return "writes"
	}
	return ""
}
