package pg_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
)

// smallDisk is a database on a server of its own, in a tablespace of 32 MB, and
// the disk's directory.
func smallDisk(t *testing.T) (source config.Target, dir string) {
	t.Helper()
	disk, err := os.MkdirTemp("", "clonedisk-*") // the server's user cannot pass the test's own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(disk) })
	if err := os.Chmod(disk, 0o711); err != nil {
		t.Fatal(err)
	}
	disk = filepath.Join(disk, "small")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := mountSmall(disk); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(disk); err != nil {
			t.Error(err)
		}
	})
	server := pgtest.StartServer(t, nil).Target("postgres")
	if uid, ok := ownerOf(server, t); ok {
		if err := os.Chown(disk, uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Exec(t, server, "CREATE TABLESPACE small LOCATION '"+disk+"'")
	pgtest.Exec(t, server, "CREATE DATABASE source TEMPLATE template0 TABLESPACE small")
	return server.WithDatabase("source"), disk
}

func TestACloneThatFindsNoRoomOnTheDiskSaysSo(t *testing.T) {
	t.Parallel()
	source, disk := smallDisk(t)
	server := source.WithDatabase("postgres")
	r := cloneRequest(t, source)
	c := makeClone(t, pg.SameServer(source), r)
	if got := pgtest.QueryValue[string](t, c.Target, "SELECT spcname::text FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = current_database()"); got != "small" {
		t.Errorf("the clone is in the tablespace %s", got)
	}
	if err := c.Drop(t.Context()); err != nil {
		t.Fatal(explainFailure(err))
	}
	full := func(what string, r pg.CloneRequest) {
		t.Helper()
		noClone(t, pg.SameServer(source), r, ops.ExitFailed, "the disk of the target's own server is full", "--rehearse-on local", what)
		if left := pgtest.QueryColumn[string](t, server, "SELECT datname FROM pg_database WHERE datname LIKE 'clipperops%'"); len(left) > 0 {
			t.Errorf("%s: left %q", what, left)
		}
	}

	// Room for an empty database, but not for the source's tables. The server has
	// not written all of either so far, only the last page of each file.
	var tables strings.Builder
	for n := range 150 {
		fmt.Fprintf(&tables, "CREATE TABLE t%d (id int PRIMARY KEY, a text, b text);", n)
	}
	pgtest.Exec(t, source, tables.String())
	fillDisk(t, disk, 4500<<10)
	full("psql stopped", cloneRequest(t, source))

	// Not even for an empty one.
	fillDisk(t, disk, 1<<20)
	full("creating the scratch database", cloneRequest(t, source))
}

// ownerOf is the user whose files the server's are.
func ownerOf(server config.Target, t *testing.T) (int, bool) {
	t.Helper()
	info, err := os.Stat(pgtest.QueryValue[string](t, server, "SHOW data_directory"))
	if err != nil {
		return 0, false
	}
	return fileOwner(info)
}

// fillDisk leaves that much room.
func fillDisk(t *testing.T, disk string, leave int64) {
	t.Helper()
	free, err := freeBytes(disk)
	if err == nil {
		err = os.WriteFile(filepath.Join(disk, fmt.Sprintf("filler-%d", leave)), make([]byte, max(0, free-leave)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
