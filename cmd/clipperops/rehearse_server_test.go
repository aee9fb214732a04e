package main

import (
	"context"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestTheServerStopsDuringARehearsal guards against a run that ends without a word on what to
// do, and that says in three places what the server's end was called.
func TestTheServerStopsDuringARehearsal(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, map[string]string{"synchronous_commit": "on"})
	p := newProgram(t, clipperOn(t, server))
	chosen := p.tiny(map[string]string{
		"000011_one.up.sql": "CREATE TABLE one (n int);\nDO $$ BEGIN IF current_database() LIKE 'clipperops\\_scratch\\_%' THEN PERFORM pg_sleep(600); END IF; END $$;\n", "000011_one.down.sql": "DROP TABLE one;\n",
	})
	r := p.start(append([]string{"migrate", "--skip-backup"}, strings.Fields(chosen)...)...)
	pgtest.Eventually(t, func() bool {
		return pgtest.QueryValue[bool](t, p.target, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname LIKE 'clipperops\_scratch\_%' AND wait_event = 'PgSleep')`)
	}, "the rehearsal runs")
	server.Kill()
	said := unwrapped(r.wants(ops.ExitFailed, "the server went away during the rehearsal", "nothing was changed", "next: when the server is back, the same command again"))
	for _, frightening := range []string{"terminating connection", "failed to connect", "connection refused", "unexpected EOF", "closed"} {
		if n := strings.Count(said, frightening); n > 1 {
			t.Errorf("%q stands %d times in\n%s", frightening, n, said)
		}
	}
	if err := server.Resume(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	p.rewrite("000011_one.up.sql", "CREATE TABLE one (n int);\n")
	p.wants(ops.ExitDone, "migrate --skip-backup"+chosen)
	p.wantVersion(11)
}
