package pg

import (
	"errors"
	"strings"
)

// diskFullState is disk_full; the same is said of a temporary file's limit elsewhere (53400).
const diskFullState = "53100"

// DiskFull reports whether an error is a disk without room: the server's, by its
// code, or one that psql or pg_dump tell of.
func DiskFull(err error) bool {
	if sqlState(err) == diskFullState {
		return true
	}
	var psql *PsqlError
	if !errors.As(err, &psql) {
		return false
	}
	if psql.SQLState() == diskFullState {
		return true
	}
	for _, m := range psql.Messages {
		if strings.Contains(m, "No space left on device") {
			return true
		}
	}
	return false
}
