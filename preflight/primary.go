package preflight

import (
	"context"
	"fmt"

	"github.com/clipper/clipperops/internal/ops"
)

func checkPrimary(ctx context.Context, i *inspection) ops.Result {
	switch {
	case i.Server.InRecovery:
		return standby(ctx, i)
	case i.Server.ReadOnly:
		return readOnly(ctx, i)
	}
	return ops.Pass("primary, writable")
}

// standby names the primary where the server lets us know it.
func standby(ctx context.Context, i *inspection) ops.Result {
	var host string
	var port int
	err := i.Conn.QueryRow(ctx, `
		SELECT coalesce(max(sender_host), ''), coalesce(max(sender_port), 0) FROM pg_catalog.pg_stat_wal_receiver`,
	).Scan(&host, &port)
	if err != nil {
		return unanswered(err)
	}
	facts := []ops.Fact{{Name: "pg_is_in_recovery", Value: "true"}}
	fix := "connect to the primary: set DB_HOST and DB_PORT to it"
	if host != "" {
		facts = append(facts, ops.Fact{Name: "receives from", Value: fmt.Sprintf("%s port %d", host, port)})
		fix = fmt.Sprintf("connect to the primary: DB_HOST=%s DB_PORT=%d", host, port)
	}
	return ops.Fail("the server is a standby and cannot be written", fix, facts...)
}

// readOnly says where the setting comes from, which is where it can be undone.
func readOnly(ctx context.Context, i *inspection) ops.Result {
	var source, file string
	err := i.Conn.QueryRow(ctx, `
		SELECT source, coalesce(sourcefile, '') FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'`,
	).Scan(&source, &file)
	if err != nil {
		return unanswered(err)
	}
	role, database := quote(i.Server.User), quote(i.Server.Database)
	fix := "ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf();"
	switch source {
	case "database":
		fix = "ALTER DATABASE " + database + " RESET default_transaction_read_only;"
	case "user":
		fix = "ALTER ROLE " + role + " RESET default_transaction_read_only;"
	case "database user":
		fix = "ALTER ROLE " + role + " IN DATABASE " + database + " RESET default_transaction_read_only;"
	case "client":
		fix = "take default_transaction_read_only out of the connection's options"
	}
	facts := []ops.Fact{{Name: "default_transaction_read_only", Value: "on, set by " + source}}
	if file != "" {
		facts = append(facts, ops.Fact{Name: "file", Value: file})
	}
	return ops.Fail("transactions are read-only by default", fix+again, facts...)
}
