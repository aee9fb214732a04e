package config_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pgtest"
)

// What pgx is told by ConnString and psql by Environ must be the same database,
// role and settings on a real server, whatever characters the names and the
// password are of.
func TestPgxAndPsqlReachTheSameServerWithAwkwardNames(t *testing.T) {
	t.Parallel()
	const password = ` p'a"s\s $w:o@r/d?#%&=é` + "\t`!"
	admin := pgtest.New(t, pgtest.Empty())
	target := admin
	target.User, target.Password = admin.Database+`' "\ ö`, password
	target.Database = admin.Database + `_' "\@/ ö`
	target.Params = map[string]string{"search_path": `pg_catalog, "a b\"`, "options": "-c geqo=off", "role": target.User}
	user, database := pgx.Identifier{target.User}.Sanitize(), pgx.Identifier{target.Database}.Sanitize()
	pgtest.Exec(t, admin, "CREATE ROLE "+user+" LOGIN PASSWORD '"+strings.ReplaceAll(password, "'", "''")+"'")
	dropAfterwards(t, admin, "ROLE "+user)
	pgtest.Exec(t, admin, "CREATE DATABASE "+database)
	dropAfterwards(t, admin, "DATABASE "+database)

	const query = `SELECT concat_ws('|', current_user, current_database(), current_setting('search_path'), current_setting('geqo'))`
	want := strings.Join([]string{target.User, target.Database, target.Params["search_path"], "off"}, "|")
	if got := pgtest.QueryValue[string](t, target, query); got != want {
		t.Errorf("pgx is at   %s\nwant        %s", got, want)
	}
	again, err := config.ParseTarget(target.URL().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range []config.Target{target, again} {
		if got := psql(t, each, query); got != want {
			t.Errorf("psql is at  %s\nwant        %s", got, want)
		}
	}
}

func dropAfterwards(t *testing.T, admin config.Target, object string) {
	t.Helper()
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, admin.ConnString())
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close(ctx) }()
		if _, err := conn.Exec(ctx, "DROP "+object); err != nil {
			t.Error(err)
		}
	})
}

// psql runs a query with nothing but the target's variables to go by.
func psql(t *testing.T, target config.Target, query string) string {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/psql")
		if len(found) == 0 {
			t.Fatal("there is no psql on this machine")
		}
		path = found[len(found)-1]
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, "--no-psqlrc", "--tuples-only", "--no-align", "--no-password", "--command", query)
	cmd.Env = append(config.WithoutLibpq(os.Environ()), target.Environ()...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}
