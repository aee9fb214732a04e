package pg

import (
	"context"
	"time"

	"github.com/clipper/clipperops/internal/config"
)

// endSessionsTimeout bounds ending a child program's sessions.
const endSessionsTimeout = 10 * time.Second

// EndSessions ends our role's sessions in the database whose application_name
// begins so, should they live on after their program: a killed "docker exec" does
// not take its program along, and a backend notices a dead client only when it
// next writes. It works after a cancellation too, and keeps quiet when it cannot:
// they end by themselves, only later.
func EndSessions(ctx context.Context, t config.Target, prefix, application string) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), endSessionsTimeout)
	defer cancel()
	conn, err := Connect(limited, t, ConnOptions{Application: application, StatementTimeout: endSessionsTimeout})
	if err != nil {
		return // a server that cannot be reached has nobody to end
	}
	defer closeQuietly(limited, conn)
	_, _ = conn.Exec(limited, `
		SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
		 WHERE datname = current_database() AND usename = session_user AND left(application_name, length($1)) = $1`, prefix)
}
