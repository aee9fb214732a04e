package preflight_test

import (
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/preflight"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t))
	in.Server.TLS = ""
	shows(t, expect(t, in, "db.connect", ops.StatusPass, "on this machine, without TLS"), "round trip", " ms")

	elsewhere := in
	elsewhere.Target.Host, elsewhere.Target.SSLMode = "db.internal", "disable"
	expect(t, elsewhere, "db.connect", ops.StatusWarn, "db.internal is not encrypted")
	elsewhere.Environment = config.Production
	shows(t, expect(t, elsewhere, "db.connect", ops.StatusFail, "this is production"), "sslmode: disable")
	elsewhere.Server.TLS, elsewhere.Server.Cipher = "TLS 1.3", "TLS_AES_256_GCM_SHA384"
	shows(t, expect(t, elsewhere, "db.connect", ops.StatusPass, "TLS 1.3"), "TLS_AES_256_GCM_SHA384")
}

func TestConnectSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t)
	for name, c := range map[string]struct {
		change     func(*config.Target)
		want, hint string
	}{
		"port closed":      {func(t *config.Target) { t.Port = 1 }, "nothing listens on port 1", "pg_isready"},
		"database missing": {func(t *config.Target) { t.Database = "no_such_database" }, "no database no_such_database", "createdb"},
		"unknown host":     {func(t *config.Target) { t.Host = "no-such-host.invalid" }, "cannot be resolved", "DB_HOST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := target
			c.change(&broken)
			conn, err := pg.Connect(t.Context(), broken, pg.ConnOptions{})
			if err == nil {
				_ = conn.Close(t.Context())
				t.Fatal("connected")
			}
			in := preflight.Input{Target: broken, ConnErr: err}
			r := expect(t, in, "db.connect", ops.StatusFail, c.want)
			advises(t, r, c.hint)
			shows(t, r, "reason: ")
			expect(t, in, "state.version", ops.StatusSkip, "no connection")
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t))
	expect(t, in, "db.version", ops.StatusPass, "(12 or newer)")
	in.Server.VersionNum, in.Server.Version = 110022, "11.22"
	expect(t, in, "db.version", ops.StatusFail, "PostgreSQL 11.22 is too old; 12 or newer")
	expect(t, in, "activity.long_tx", ops.StatusSkip, "too old (db.version)")
	expect(t, in, "db.connect", ops.StatusPass, "connected")
	in.Server.VersionNum = 0
	expect(t, in, "db.version", ops.StatusFail, "could not be checked")
}

func TestAReleaseMayAskForANewerServer(t *testing.T) {
	t.Parallel()
	in := situation(t, pgtest.New(t))
	newer := *in.Release
	newer.Prerequisites.Postgres = 99
	in.Release = &newer
	expect(t, in, "db.version", ops.StatusFail, "99 or newer")
}

func TestPrimary(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartServer(t, nil)
	standby := pgtest.Standby(t, primary)
	expect(t, situation(t, primary.Target("postgres")), "db.primary", ops.StatusPass, "primary, writable")

	in := situation(t, standby.Target("postgres"))
	var r ops.Result
	pgtest.Eventually(t, func() bool { // the receiver says whom it follows once it streams
		r = look(t, in, "db.primary")
		return len(r.Evidence) > 1
	}, "the standby streams")
	if r.Status != ops.StatusFail || r.Summary != "the server is a standby and cannot be written" {
		t.Errorf("%+v", r)
	}
	advises(t, r, "DB_PORT=")
	// Whatever else there is to say of a standby is still said.
	expect(t, in, "activity.long_tx", ops.StatusPass, "")
	expect(t, in, "state.version", ops.StatusPass, "a new database")
}

func TestPrimaryThatIsReadOnlyNamesTheSetting(t *testing.T) {
	t.Parallel()
	target := pgtest.New(t, pgtest.AsRole())
	database, role := quoted(target.Database), quoted(target.User)
	for name, c := range map[string]struct{ set, undo string }{
		"database":    {"ALTER DATABASE " + database + " SET default_transaction_read_only = on", "ALTER DATABASE " + database + " RESET"},
		"role":        {"ALTER ROLE " + role + " SET default_transaction_read_only = on", "ALTER ROLE " + role + " RESET"},
		"in database": {"ALTER ROLE " + role + " IN DATABASE " + database + " SET default_transaction_read_only = on", "ALTER ROLE " + role + " IN DATABASE " + database + " RESET"},
	} {
		server := pgtest.Shared(t)
		pgtest.Exec(t, server, c.set)
		r := expect(t, situation(t, target), "db.primary", ops.StatusFail, "read-only by default")
		advises(t, r, c.undo)
		pgtest.Exec(t, server, c.undo+" default_transaction_read_only")
		if r := look(t, situation(t, target), "db.primary"); r.Status != ops.StatusPass {
			t.Errorf("%s: the fix does not help: %+v", name, r)
		}
	}
}
