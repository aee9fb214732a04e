package main

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// onOwnServer is a program on a Clipper of a server on which nobody else rehearses, whose
// role owns the database and may create others.
func onOwnServer(t *testing.T) (p *program, server config.Target) {
	t.Helper()
	own := pgtest.StartServer(t, nil)
	target := clipperOn(t, own)
	return newProgram(t, target), own.Target("postgres")
}

// databases are all databases of a server but its own.
func databases(t *testing.T, server config.Target) string {
	t.Helper()
	return strings.Join(pgtest.QueryColumn[string](t, server, `SELECT datname::text FROM pg_database
		WHERE datname NOT IN ('postgres', 'template0', 'template1', 'clipper_db') ORDER BY 1`), " ")
}

// atGate starts the program with a chain that stands still on the clone.
func (p *program) atGate(t *testing.T, server config.Target, args string) (r *running, name string, free func()) {
	t.Helper()
	gate, free := p.gate()
	chosen := p.tiny(map[string]string{"000011_one.up.sql": makeOne + gate, "000011_one.down.sql": "DROP TABLE one;\n"})
	r = p.start(strings.Fields(args + chosen)...)
	defer func() {
		if t.Failed() {
			t.Logf("the program says:\n%s%s", r.out, r.err)
		}
	}()
	pgtest.Eventually(t, func() bool {
		found := pgtest.QueryColumn[string](t, server, `SELECT datname::text FROM pg_stat_activity
			WHERE datname LIKE 'clipperops\_scratch\_%' AND wait_event = 'PgSleep'`)
		if len(found) > 0 {
			name = found[0]
		}
		return name != ""
	}, "the rehearsal stands at the gate")
	return r, name, free
}

// TestAKilledRehearsalIsClearedAway: what SIGKILL leaves is listed as left and dropped by
// the next rehearsal, which says so; one in use is kept.
func TestAKilledRehearsalIsClearedAway(t *testing.T) {
	t.Parallel()
	p, server := onOwnServer(t)
	p.wants(ops.ExitDone, "scratch list", "no scratch databases")
	p.wants(ops.ExitDone, "scratch prune", "0 scratch databases")

	r, name, free := p.atGate(t, server, "migrate rehearse")
	p.wants(ops.ExitDone, "scratch list", name, `in use by clipperops.*\(alice@`)
	p.wants(ops.ExitDone, "scratch prune", "kept "+name, "in use by")
	r.signal(syscall.SIGKILL)
	_ = r.cmd.Wait() // killed
	awaitNobodyIn(t, server, name)
	var listed struct {
		Items []map[string]any `json:"items"`
	}
	list := p.start("scratch", "list", "--output", "json")
	list.wants(ops.ExitDone)
	if err := json.Unmarshal([]byte(list.out.String()), &listed); err != nil || len(listed.Items) != 1 {
		t.Fatalf("%v:\n%s", err, list.out)
	}
	p.wants(ops.ExitDone, "scratch list", name)
	if found := databases(t, server); found != name {
		t.Fatalf("databases %q, want %q", found, name)
	}
	free()
	p.wants(ops.ExitDone, "migrate --skip-backup --path "+p.path("tiny")+" --release "+p.path("tiny.yaml"), "dropped "+name+"|"+name+".*dropped")
	if found := databases(t, server); found != "" {
		t.Errorf("databases %q", found)
	}

	// The same by hand.
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup --path "+p.path("tiny")+" --release "+p.path("tiny.yaml"))
	r, name, free = p.atGate(t, server, "migrate --skip-backup")
	r.signal(syscall.SIGKILL)
	_ = r.cmd.Wait() // killed
	free()
	awaitNobodyIn(t, server, name)
	p.wants(ops.ExitDone, "scratch prune", "dropped "+name, "1 scratch database")
	if found := databases(t, server); found != "" {
		t.Errorf("databases %q", found)
	}
	p.wants(ops.ExitDone, "scratch prune", "0 scratch databases")
	p.wantVersion(10)
}

// awaitNobodyIn waits until the server has noticed that a killed program is gone.
func awaitNobodyIn(t *testing.T, server config.Target, name string) {
	t.Helper()
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[int](t, server, `SELECT count(*)::int FROM pg_stat_activity
			WHERE datname = $1 OR application_name LIKE 'clipperops%'`, name) == 0
	}, "nobody is in "+name)
}

// TestADatabaseThatIsNotOursIsNeverDropped, however it is named.
func TestADatabaseThatIsNotOursIsNeverDropped(t *testing.T) {
	t.Parallel()
	p, server := onOwnServer(t)
	const valid = "clipperops_scratch_01jkx0000000000000000000"
	names := []string{
		"clipperops_scratch", "clipperops_scratch_", "clipperops_scratch_backup", valid + "00_old", strings.ToUpper(valid) + "00",
		"my_" + valid + "00", "clipperops_scratch_01jkx00000000000000000000i",
		valid + "0a", // of our name, and with a table of somebody's
	}
	for _, name := range names {
		pgtest.Exec(t, server, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
		pgtest.Exec(t, server.WithDatabase(name), "CREATE TABLE precious AS SELECT 1 AS n")
	}
	pgtest.Exec(t, server, "COMMENT ON DATABASE "+pgx.Identifier{names[2]}.Sanitize()+" IS 'scratch database of clipperops'")
	before := databases(t, server)
	for _, args := range []string{"scratch prune", "migrate rehearse", "scratch list", "migrate --skip-backup", "rollback --target 10 --skip-backup", "scratch prune"} {
		p.wants(ops.ExitDone, args)
		if after := databases(t, server); after != before {
			t.Fatalf("%s: databases %s, before %s", args, after, before)
		}
	}
	p.wants(ops.ExitDone, "scratch prune", "kept "+valid+"0a")
}

// TestTwoRehearsalsAtOnce do not get in each other's way, nor take each other's clone.
func TestTwoRehearsalsAtOnce(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	gate, free := p.gate()
	chosen := p.tiny(map[string]string{"000011_one.up.sql": makeOne + gate, "000011_one.down.sql": "DROP TABLE one;\n"})
	args := strings.Fields("migrate rehearse" + chosen + " --output json")
	first, second := p.start(args...), p.start(args...)
	p.awaitAtGate(2)
	if n := len(p.scratch()); n != 2 {
		t.Errorf("%d scratch databases", n)
	}
	p.wants(ops.ExitDone, "migrate --dry-run --no-rehearse"+chosen)
	free()
	for _, r := range []*running{first, second} {
		r.wants(ops.ExitDone)
		wantResult(t, r.document(ops.ExitDone), "rehearse", "rehearse.reversible", ops.StatusPass)
	}
	p.wantNoScratch()

	// The lock of operators is held while a change is rehearsed: one after the other.
	gate, free = p.gate()
	p.rewrite("000011_one.up.sql", makeOne+gate)
	change := p.start(strings.Fields("migrate --skip-backup" + chosen)...)
	p.awaitAtGate(1)
	p.wants(ops.ExitBusy, "migrate --skip-backup"+chosen, "clipperops migrate")
	free()
	change.wants(ops.ExitDone)
	p.wantVersion(11)
	p.wantNoScratch()
}

// TestCtrlCDuringARehearsal drops the clone, wherever it is, and leaves the database as it was.
func TestCtrlCDuringARehearsal(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{
		"of a change": "migrate", "alone": "migrate rehearse", "in a dry run": "migrate --dry-run", "with the backup": "migrate --rehearse data",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := atTen(t)
			before := p.schema()
			gate, free := p.gate()
			defer free()
			chosen := p.tiny(map[string]string{"000011_one.up.sql": makeOne + gate, "000011_one.down.sql": "DROP TABLE one;\n"})
			r := p.start(strings.Fields(args + chosen + " --output json")...)
			p.awaitAtGate(1)
			r.signal(syscall.SIGINT)
			r.wants(ops.ExitInterrupted)
			d := r.document(ops.ExitInterrupted)
			if d.Error == nil || !strings.Contains(d.Error.What, "interrupted during rehearse") || !strings.Contains(strings.Join(d.Error.State, " "), "nothing was changed") {
				t.Errorf("%+v", d.Error)
			}
			p.wantNoScratch()
			p.wantSchema(before)
			p.wantVersion(10)
			p.wantBackups("*.partial", 0)
		})
	}
}

// TestTheTimeAllowedIsOverDuringARehearsal: the clone is dropped then too.
func TestTheTimeAllowedIsOverDuringARehearsal(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	gate, free := p.gate()
	defer free()
	chosen := p.tiny(map[string]string{"000011_one.up.sql": makeOne + gate, "000011_one.down.sql": "DROP TABLE one;\n"})
	// How long it takes to get to the gate depends on the machine.
	for timeout, stood := 5*time.Second, false; !stood; timeout *= 2 {
		if timeout > 5*time.Minute {
			t.Fatalf("it did not get to the gate within %s", timeout/2)
		}
		r := p.start(strings.Fields("migrate rehearse --timeout " + timeout.String() + chosen)...)
		ended := make(chan struct{})
		go func() { _ = r.cmd.Wait(); close(ended) }()
		pgtest.Eventually(t, func() bool {
			stood = stood || p.standing() > 0
			select {
			case <-ended:
				return true
			default:
				return false
			}
		}, "the time is over")
		during := ".*"
		if stood {
			during = "rehearse"
		}
		r.wants(ops.ExitFailed, "gave up during "+during+": the time allowed by --timeout is over", "nothing was (changed|touched)|was only read")
		p.wantNoScratch()
		p.wantVersion(10)
	}
}
