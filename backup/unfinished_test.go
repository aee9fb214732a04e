package backup_test

import (
	"sync"
	"testing"

	"github.com/clipper/clipperops/backup"
	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

func TestADatabaseThatOnlyLooksUnfinishedIsNotDropped(t *testing.T) {
	t.Parallel()
	for name, touch := range map[string]func(t *testing.T, d, other config.Target){
		"with a table": func(t *testing.T, d, _ config.Target) { pgtest.Exec(t, d, "CREATE TABLE precious ()") },
		"with a type":  func(t *testing.T, d, _ config.Target) { pgtest.Exec(t, d, "CREATE TYPE precious AS ENUM ()") },
		"with a comment": func(t *testing.T, d, _ config.Target) {
			pgtest.Exec(t, d, "COMMENT ON DATABASE "+d.Database+" IS 'mine'")
		},
		"of another": func(t *testing.T, d, other config.Target) {
			pgtest.Exec(t, d, "ALTER DATABASE "+d.Database+" OWNER TO "+other.User)
		},
		"in use": func(t *testing.T, d, _ config.Target) { pgtest.Connect(t, d) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, other := pgtest.New(t), pgtest.NewRole(t, "")
			o := restoreOptions(t, forge(t, completeTail, nil), source)
			someones := newDatabase(t, source, o.Into.Database+"_unfinished")
			pgtest.Exec(t, pgtest.Shared(t), "CREATE DATABASE "+someones.Database)
			touch(t, someones, other)
			_, err := backup.Restore(t.Context(), o)
			failed(t, err, ops.ExitRefused, "exists already", someones.Database)
			if !databaseExists(t, someones.Database) {
				t.Error("it was dropped")
			}
		})
	}
}

// Guards against a run killed between CREATE DATABASE and the mark on it: the
// next restore refused instead of clearing up.
func TestAnUnfinishedDatabaseThatWasNotMarkedYetIsCleared(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	o := restoreOptions(t, forge(t, completeTail, nil), source)
	left := newDatabase(t, source, o.Into.Database+"_unfinished")
	pgtest.Exec(t, pgtest.Shared(t), "CREATE DATABASE "+left.Database+" TEMPLATE template0")
	restore(t, o)
	if databaseExists(t, left.Database) {
		t.Error("it is still there")
	}
}

// Guards against a run killed between the removal of the mark and the new name:
// a complete database stayed under the unfinished name and was refused as
// somebody else's for ever.
func TestADatabaseLosesItsMarkTogetherWithItsUnfinishedName(t *testing.T) {
	t.Parallel()
	source := pgtest.New(t)
	large(t, source)
	ref := create(t, options(t, source))
	o := restoreOptions(t, ref.Path, source)
	unfinished := newDatabase(t, source, o.Into.Database+"_unfinished").Database
	o.Application = "publishing " + o.Into.Database
	var held *pgtest.Held
	var once sync.Once
	stopped := o
	stopped.Progress = func(p ops.Progress) {
		if p.Label == "restore" && p.Done == p.Total {
			// A change of the same row of pg_database, not of the comment.
			once.Do(func() {
				held = pgtest.Hold(t, pgtest.Shared(t), "ALTER DATABASE "+unfinished+" CONNECTION LIMIT 50")
			})
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := backup.Restore(t.Context(), stopped)
		ended <- err
	}()
	eventually(t, "the new name is waited for", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		default:
		}
		return pgtest.QueryValue[bool](t, pgtest.Shared(t), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE application_name = $1 AND wait_event_type = 'Lock' AND query LIKE 'ALTER DATABASE%RENAME%')`, o.Application)
	})
	// What a killed run is to the server: its session ends.
	pgtest.Exec(t, pgtest.Shared(t), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", o.Application)
	if err := <-ended; err == nil {
		t.Fatal("the restore succeeded")
	}
	held.Release()
	if databaseExists(t, o.Into.Database) || !databaseExists(t, unfinished) {
		t.Fatal("the database is not under its unfinished name")
	}
	restore(t, o)
	if databaseExists(t, unfinished) {
		t.Error("the unfinished database is still there")
	}
}
