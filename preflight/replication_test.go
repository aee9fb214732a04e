package preflight_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// standby streams from the server as one would, and says that it has replayed nothing
// behind the place where it began.
func standby(t *testing.T, target config.Target, name string) {
	t.Helper()
	c, err := pgconn.ParseConfig(target.ConnString())
	if err != nil {
		t.Fatal(err)
	}
	c.RuntimeParams["replication"], c.RuntimeParams["application_name"] = "true", name
	conn, err := pgconn.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Conn().Close() })
	var at uint64
	for position := range results(t, conn, "IDENTIFY_SYSTEM") {
		var high, low uint64
		if _, err := fmt.Sscanf(position, "%X/%X", &high, &low); err != nil {
			t.Fatal(err)
		}
		at = high<<32 | low
	}
	conn.Frontend().Send(&pgproto3.Query{String: fmt.Sprintf("START_REPLICATION PHYSICAL %X/%X", at>>32, at&0xffffffff)})
	if err := conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		message, err := conn.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := message.(*pgproto3.CopyBothResponse); ok {
			break
		}
	}
	status := append([]byte{'r'}, make([]byte, 33)...) // written, flushed, replayed, clock, no reply
	for _, field := range []int{1, 9, 17} {
		binary.BigEndian.PutUint64(status[field:], at)
	}
	conn.Frontend().Send(&pgproto3.CopyData{Data: status})
	if err := conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	go func() { // a walsender that cannot write does not look at what it is told
		for {
			if _, err := conn.Conn().Read(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}()
}

// results is the third column of the answer, xlogpos.
func results(t *testing.T, conn *pgconn.PgConn, query string) map[string]bool {
	t.Helper()
	all, err := conn.Exec(t.Context(), query).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, row := range all[0].Rows {
		found[string(row[2])] = true
	}
	return found
}

func TestReplication(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, map[string]string{"wal_level": "replica", "max_wal_senders": "4", "max_replication_slots": "4"})
	target := server.Target("postgres")
	in := situation(t, target)
	expect(t, in, "db.replication", ops.StatusPass, "no standby is connected")

	standby(t, target, "report-1")
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, target, "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE replay_lsn IS NOT NULL)")
	}, "the standby has said where it is")
	expect(t, in, "db.replication", ops.StatusPass, "1 standby keeps up")
	pgtest.Exec(t, target, "SET synchronous_commit = on; CREATE TABLE much AS SELECT repeat('x', 100) FROM generate_series(1, 10000)")
	in.Thresholds.ReplicationBytes = 100_000
	r := expect(t, in, "db.replication", ops.StatusWarn, "standby report-1 is 0 s and 1.")
	shows(t, r, "standby report-1: streaming, 0 s and 1.")
	advises(t, r, "SELECT application_name, replay_lag FROM pg_stat_replication")
	in.Thresholds.ReplicationBytes = 0
	expect(t, in, "db.replication", ops.StatusPass, "1 standby keeps up")
}

func TestReplicationSlotsThatNobodyReads(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, map[string]string{"wal_level": "replica", "max_wal_senders": "4", "max_replication_slots": "4"})
	target := server.Target("postgres")
	pgtest.Exec(t, target, "SELECT pg_create_physical_replication_slot('left_behind', true)")
	pgtest.Exec(t, target, "SET synchronous_commit = on; CREATE TABLE much AS SELECT repeat('x', 100) FROM generate_series(1, 10000)")
	in := situation(t, target)
	expect(t, in, "db.replication", ops.StatusPass, "no standby")
	in.Thresholds.ReplicationBytes = 100_000
	r := expect(t, in, "db.replication", ops.StatusWarn, "slot left_behind keeps 1.")
	advises(t, r, "SELECT pg_drop_replication_slot('left_behind');")
	shows(t, r, "slot left_behind: nobody reads it")
}

// TestCommitsThatWaitForNobody guards against the first commit of a migration waiting
// for good, locks and all.
func TestCommitsThatWaitForNobody(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, map[string]string{
		"wal_level": "replica", "max_wal_senders": "4", "synchronous_commit": "on", "synchronous_standby_names": "elsewhere",
	})
	target := server.Target("postgres")
	in := situation(t, target)
	r := expect(t, in, "db.replication", ops.StatusFail, "commits wait for a synchronous standby, and none is connected")
	shows(t, r, "synchronous_standby_names: elsewhere")
	advises(t, r, "ALTER SYSTEM SET synchronous_standby_names = '';")

	standby(t, target, "another") // one whom they do not wait for
	expect(t, in, "db.replication", ops.StatusFail, "none is connected")
	standby(t, target, "elsewhere")
	pgtest.Eventually(t, func() bool { return look(t, in, "db.replication").Status == ops.StatusPass }, "it is connected")
	if _, err := in.Conn.Exec(t.Context(), "SET synchronous_commit = local"); err != nil {
		t.Fatal(err)
	}
	expect(t, in, "db.replication", ops.StatusPass, "keep up")
}

// TestReplicationOfWhoCannotSeeIt: a standby that cannot be seen is not called quick.
func TestReplicationOfWhoCannotSeeIt(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, map[string]string{"wal_level": "replica", "max_wal_senders": "4"})
	target := server.Target("postgres")
	standby(t, target, "report-1")
	pgtest.Exec(t, target, "CREATE ROLE visitor LOGIN PASSWORD 'visitor'")
	visitor := target
	visitor.User, visitor.Password = "visitor", "visitor"
	in := situation(t, visitor)
	expect(t, in, "db.replication", ops.StatusSkip, "pg_read_all_stats")
	in.Server.InRecovery = true
	expect(t, in, "db.replication", ops.StatusSkip, "db.primary")
}
