package preflight

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pg"
)

// oldest is the lowest server_version_num we work with; a release may ask for more.
const oldest = 120000

func databaseEntries() []entry {
	return []entry{
		{
			id: "db.connect", group: groupDatabase, fatal: true, offline: true,
			title: "the database can be reached, in production over TLS", run: checkConnect,
		},
		{
			id: "db.version", group: groupDatabase, fatal: true, ancient: true,
			title: "the server is new enough", run: checkVersion,
		},
		{
			id: "db.primary", group: groupDatabase, fatal: true,
			title: "the server is a primary that can be written", run: checkPrimary,
		},
		{
			id: "db.pooler", group: groupDatabase, fatal: true,
			title: "the connection is direct, not through a pooler", run: checkPooler,
		},
		{
			id: "db.visibility", group: groupDatabase,
			title: "the activity of other roles can be seen", run: checkVisibility,
		},
		{
			id: "db.privileges", group: groupDatabase, fatal: true,
			title: "the role may do what the plan does", run: checkPrivileges,
		},
		{
			id: "db.replication", group: groupDatabase, fatal: true,
			title: "standbys keep up", run: checkReplication,
		},
		{
			id: "db.disk.local", group: groupDatabase, fatal: true, offline: true,
			title: "the backup directory can be written and has room", run: checkDisk,
		},
	}
}

func checkConnect(ctx context.Context, i *inspection) ops.Result {
	if i.Conn == nil {
		return unconnected(i)
	}
	latency := i.Latency
	if latency == 0 {
		began := time.Now()
		if err := i.Conn.Ping(ctx); err != nil {
			return unanswered(err)
		}
		latency = time.Since(began)
	}
	facts := []ops.Fact{{Name: "round trip", Value: fmt.Sprintf("%.1f ms", float64(latency.Microseconds())/1000)}}
	if i.Server.Address != "" {
		facts = append(facts, ops.Fact{Name: "server", Value: fmt.Sprintf("%s port %d", i.Server.Address, i.Server.Port)})
	}
	if i.Server.TLS != "" {
		facts = append(facts, ops.Fact{Name: "cipher", Value: i.Server.Cipher})
		return ops.Pass(fmt.Sprintf("connected to %s over %s", i.Target, i.Server.TLS), facts...)
	}
	facts = append(facts, ops.Fact{Name: "sslmode", Value: i.Target.SSLMode})
	const fix = "turn ssl on at the server (ssl = on in postgresql.conf), and set DB_SSLMODE=verify-full, or at least require"
	switch {
	case i.Target.Local():
		return ops.Pass(fmt.Sprintf("connected to %s on this machine, without TLS", i.Target), facts...)
	case i.Environment == config.Production:
		return ops.Fail(fmt.Sprintf("the connection to %s is not encrypted, and this is production", i.Target.Host), fix, facts...)
	}
	return ops.Warn(fmt.Sprintf("the connection to %s is not encrypted", i.Target.Host), fix, facts...)
}

// unconnected says why there is no connection.
func unconnected(i *inspection) ops.Result {
	var refused *pg.ConnectError
	switch {
	case errors.As(i.ConnErr, &refused):
		facts := []ops.Fact{{Name: "reason", Value: string(refused.Kind)}}
		if refused.Message != "" && refused.Message != refused.What {
			facts = append(facts, ops.Fact{Name: "message", Value: refused.Message})
		}
		return ops.Fail(fmt.Sprintf("cannot connect to %s: %s", refused.Target, refused.What), refused.Fix(), facts...)
	case i.ConnErr != nil:
		return fromFailure(i.ConnErr)
	case i.ConfigErr != nil || i.Config != nil && i.Config.TargetErr != nil:
		return ops.Skip("no database is configured (env.config)")
	}
	return ops.Skip("no connection")
}

// floor is the lowest server_version_num that will do.
func (i *inspection) floor() int {
	return max(oldest, i.Release.Prerequisites.Postgres*10000)
}

func (i *inspection) tooOld() bool {
	return i.Server.VersionNum > 0 && i.Server.VersionNum < i.floor()
}

func checkVersion(_ context.Context, i *inspection) ops.Result {
	fact := ops.Fact{Name: "server_version_num", Value: fmt.Sprint(i.Server.VersionNum)}
	need := i.floor() / 10000
	switch {
	case i.Server.VersionNum == 0:
		return ops.Broken(errors.New("the server did not say its version"), "run the same command again")
	case i.tooOld():
		return ops.Fail(fmt.Sprintf("PostgreSQL %s is too old; %d or newer is needed", i.Server.Version, need),
			fmt.Sprintf("upgrade the server to PostgreSQL %d or newer (pg_upgrade), then run preflight again", need), fact)
	}
	return ops.Pass(fmt.Sprintf("PostgreSQL %s (%d or newer)", i.Server.Version, need), fact)
}

func checkPooler(ctx context.Context, i *inspection) ops.Result {
	err := pg.RequireDirect(ctx, i.Conn)
	var pooled *pg.PoolerError
	switch {
	case err == nil:
		return ops.Pass("a direct connection")
	case errors.As(err, &pooled):
		return ops.Fail(pooled.Error(), pooled.Fix(), ops.Fact{
			Name:  fmt.Sprintf("opened with pid %d", i.Conn.PgConn().PID()),
			Value: "another process answers",
		})
	}
	return unanswered(err)
}
