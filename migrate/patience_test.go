package migrate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
)

// patiently tries with more and more patience until it has told what is to be seen: who
// stands in the way is seen from another session, and how long a look takes depends on
// the machine. The last try has more than any needs.
func patiently[T any](patience time.Duration, try func(patience time.Duration) T, told func(T) bool) T {
	for ; ; patience *= 2 {
		if got := try(patience); told(got) || patience > 10*time.Second {
			return got
		}
	}
}

// namesABlocker reports whether a failure says who was in the way.
func namesABlocker(err error) bool { return strings.Contains(show(err), "blocked by pid") }

// gateID is an advisory lock that the function made by gate asks for.
const gateID = 4711

// gate makes a function slowly(int) in the database that returns what it is given once
// open has been called, however often it is called. It asks without waiting, so that who
// calls it works and is not blocked, and not for rows, whose changes it might not see.
func gate(t *testing.T, target config.Target) (open func()) {
	t.Helper()
	pgtest.Exec(t, target, fmt.Sprintf(`CREATE FUNCTION slowly(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS '
		BEGIN WHILE NOT pg_try_advisory_xact_lock_shared(%d) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN $1; END'`, gateID))
	return pgtest.Hold(t, target, "SELECT pg_advisory_xact_lock($1)", gateID).Release
}
