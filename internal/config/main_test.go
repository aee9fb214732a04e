package config

import (
	"os"
	"testing"
)

// pgx reads PG* variables of the process; what the tests compare must not
// depend on the shell they are run from.
func TestMain(m *testing.M) {
	for _, name := range LibpqVariables() {
		_ = os.Unsetenv(name)
	}
	os.Exit(m.Run())
}
