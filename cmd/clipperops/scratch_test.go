package main

import (
	"fmt"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestWhatAKilledRunLeftRunning guards against a scratch database that stays because the
// server still runs what a killed run sent last: who, since when, and that prune ends it.
func TestWhatAKilledRunLeftRunning(t *testing.T) {
	t.Parallel()
	p, server := onOwnServer(t)
	p.wants(ops.ExitDone, "scratch prune", "prune +✓ there is no scratch database: nothing to drop")

	const name = "clipperops_scratch_01jkxscrpt0000000000000001"
	pgtest.Exec(t, p.target, "CREATE DATABASE "+name)
	pgtest.Exec(t, p.target, "COMMENT ON DATABASE "+name+" IS 'scratch database of clipperops'")
	orphan := pgtest.Hold(t, p.target.WithDatabase(name), "SET application_name = 'clipperops migrate (alice@ops1)'")
	pid := fmt.Sprintf(`pid %d\b.*since 20`, orphan.PID)
	p.wants(ops.ExitDone, "scratch list", name, pid, "clipperops scratch prune", fmt.Sprintf(`pg_terminate_backend\(%d\)`, orphan.PID))
	p.wants(ops.ExitDone, "scratch prune", "dropped "+name, "ended what a killed run had left running in it", pid)
	if found := databases(t, server); found != "" {
		t.Errorf("databases %q", found)
	}

	pgtest.Exec(t, p.target, "CREATE DATABASE "+name)
	pgtest.Exec(t, p.target, "COMMENT ON DATABASE "+name+" IS 'scratch database of clipperops'")
	theirs := pgtest.Hold(t, p.target.WithDatabase(name), "SELECT 1")
	end := fmt.Sprintf(`pg_terminate_backend\(%d\)`, theirs.PID)
	p.wants(ops.ExitDone, "scratch list", "a client is connected to it", end)
	p.wants(ops.ExitDone, "scratch prune", "kept "+name, end)
}
