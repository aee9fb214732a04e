package migrate_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
)

// holdMigrationLock takes the lock as a command does.
func holdMigrationLock(t testing.TB, target config.Target) *pg.Held {
	t.Helper()
	held, err := pg.Lock(t.Context(), target, pg.LockRequest{Application: "clipperops migrate (test)"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Release(t.Context()) })
	return held
}

// embeddedLock is the lock of a program that embeds golang-migrate.
func embeddedLock(target config.Target) int64 {
	return pg.MigrateLockIDs(target.Database, "public", "schema_migrations")[1]
}
