package pg

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is what a server says about itself and about our session.
type Server struct {
	// VersionNum is server_version_num, e.g. 150018; Version is server_version.
	VersionNum int
	Version    string
	// InRecovery is true of a standby, ReadOnly of one and of a server, database
	// or role set to default_transaction_read_only.
	InRecovery bool
	ReadOnly   bool
	// TLS is the protocol in use, e.g. "TLS 1.3", empty without; Cipher likewise.
	TLS    string
	Cipher string
	// Database, User, Schema and SearchPath are the session's own. Schema is the
	// first of the search path that exists, empty when none does.
	Database   string
	User       string
	Schema     string
	SearchPath string
	Superuser  bool
	// Address and Port are the server's as it sees them itself, empty and zero
	// over a unix socket.
	Address string
	Port    int
	// PID is the process that serves this session.
	PID            int
	MaxConnections int
	Encoding       string
	// DatabaseBytes is the size of the database on disk; -1 when the role may not know.
	DatabaseBytes int64
	// Started is when the postmaster started, Clock what the server's clock said.
	Started time.Time
	Clock   time.Time
}

// Major returns the major version, e.g. 15.
func (s Server) Major() int { return s.VersionNum / 10000 }

// pg_stat_ssl says "TLSv1.3", and nothing at all of sessions without.
const describeSQL = `
SELECT current_setting('server_version_num')::int,
       current_setting('server_version'),
       pg_catalog.pg_is_in_recovery(),
       pg_catalog.pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
       coalesce((SELECT replace(version, 'TLSv', 'TLS ') FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid() AND ssl), ''),
       coalesce((SELECT cipher FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid() AND ssl), ''),
       pg_catalog.current_database()::text,
       current_user::text,
       coalesce(pg_catalog.current_schema()::text, ''),
       current_setting('search_path'),
       current_setting('is_superuser') = 'on',
       coalesce(host(pg_catalog.inet_server_addr()), ''),
       coalesce(pg_catalog.inet_server_port(), 0),
       pg_catalog.pg_backend_pid(),
       current_setting('max_connections')::int,
       current_setting('server_encoding'),
       CASE WHEN has_database_privilege(current_database(), 'CONNECT') THEN pg_catalog.pg_database_size(current_database()) ELSE -1 END,
       pg_catalog.pg_postmaster_start_time(),
       pg_catalog.clock_timestamp()`

// Describe asks the server who it is. ReadOnly of a connection that was opened
// with ConnOptions.ReadOnly speaks of the connection, not of the server.
func Describe(ctx context.Context, conn *pgx.Conn) (Server, error) {
	var s Server
	err := conn.QueryRow(ctx, describeSQL).Scan(
		&s.VersionNum, &s.Version, &s.InRecovery, &s.ReadOnly, &s.TLS, &s.Cipher,
		&s.Database, &s.User, &s.Schema, &s.SearchPath, &s.Superuser,
		&s.Address, &s.Port, &s.PID, &s.MaxConnections, &s.Encoding,
		&s.DatabaseBytes, &s.Started, &s.Clock,
	)
	if err != nil {
		return Server{}, fmt.Errorf("asking the server who it is: %w", Cause(ctx, err))
	}
	return s, nil
}

// majorOf reads the major version off a version text such as "15.18 (Debian …)",
// "17beta1" or "16.3"; zero when there is none.
func majorOf(version string) int {
	end := 0
	for end < len(version) && version[end] >= '0' && version[end] <= '9' {
		end++
	}
	major, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return major
}
