package pg

// SnapshotQueries are the catalog queries for a server of a version.
func SnapshotQueries(version int) []string { return snapshotQueries(version, nil) }
