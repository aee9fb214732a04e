package pgtest

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/migrations"
)

// clipperVersion begins the name of the baseline, which is applied already.
const clipperVersion = "000010"

// applyRelease runs the embedded up files after Clipper's baseline, in order.
func applyRelease(t testing.TB, target config.Target) {
	t.Helper()
	entries, err := migrations.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // sorted by name, and the versions have leading zeros
		version, _, _ := strings.Cut(e.Name(), "_")
		if !strings.HasSuffix(e.Name(), ".up.sql") || version == clipperVersion {
			continue
		}
		body, err := migrations.FS.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		Exec(t, target, string(body))
		Exec(t, target, "UPDATE schema_migrations SET version = $1::text::bigint", version)
	}
}
