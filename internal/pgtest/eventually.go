package pgtest

import (
	"strings"
	"testing"
	"time"
)

// patience is how long Eventually waits: far longer than anything takes on a
// busy machine, because only a test that fails waits so long.
const patience = 3 * time.Minute

// Eventually waits until the condition is true, asking ever less often, and
// fails the test when it does not become true. what says what is waited for.
func Eventually(t testing.TB, condition func() bool, what ...string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; !condition(); pause = min(pause*3/2, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen within %s: %s", patience, strings.Join(what, " "))
		}
		time.Sleep(pause)
	}
}
