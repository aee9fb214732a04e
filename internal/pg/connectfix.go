package pg

import (
	"fmt"

	"github.com/jackc/pgx/v5"
)

// describe says in one line what is wrong.
func (e *ConnectError) describe() string {
	t := e.Target
	switch e.Kind {
	case ConnectPassword:
		if t.Password.Reveal() == "" {
			return fmt.Sprintf("the server wants a password for %s and none is set", t.User)
		}
		return fmt.Sprintf("the server refused the password of %s", t.User)
	case ConnectHost:
		return fmt.Sprintf("the host name %s cannot be resolved", t.Host)
	case ConnectRefused:
		return fmt.Sprintf("nothing listens on port %d of %s", t.Port, t.Host)
	case ConnectUnreachable:
		return fmt.Sprintf("there is no route to %s", t.Host)
	case ConnectTimeout:
		return fmt.Sprintf("%s port %d did not answer in time", t.Host, t.Port)
	case ConnectDatabase:
		return fmt.Sprintf("there is no database %s on this server", t.Database)
	case ConnectRole:
		return fmt.Sprintf("the role %s does not exist or may not log in", t.User)
	case ConnectNotAllowed:
		return fmt.Sprintf("the server does not let %s into %s from here", t.User, t.Database)
	case ConnectTLSRefused:
		return "the server does not speak TLS, and sslmode asks for it"
	case ConnectTLSRequired:
		return "the server does not accept an unencrypted connection"
	case ConnectCertificate:
		return "the server's certificate is not trusted"
	case ConnectTooMany:
		return "the server has no connection left for this role"
	case ConnectStarting:
		return "the server is starting up"
	case ConnectShuttingDown:
		return "the server is shutting down"
	case ConnectPooler:
		return "this is a connection pooler, which cannot hold the session locks a migration needs"
	default:
		return e.Message
	}
}

// Fix says what to do about it, in one line.
func (e *ConnectError) Fix() string {
	t := e.Target
	switch e.Kind {
	case ConnectPassword:
		return "set DB_PASSWORD (or the password in DATABASE_URL or ~/.pgpass); clipperops config show tells where the present one comes from"
	case ConnectHost:
		return "correct DB_HOST, or the resolver of this machine: getent hosts " + t.Host
	case ConnectRefused:
		return fmt.Sprintf("start the server, or correct DB_HOST and DB_PORT: pg_isready -h %s -p %d", t.Host, t.Port)
	case ConnectUnreachable, ConnectTimeout:
		return fmt.Sprintf("check the network, VPN and firewall between here and %s: pg_isready -h %s -p %d", t.Host, t.Host, t.Port)
	case ConnectDatabase:
		return fmt.Sprintf("correct DB_NAME, or create it: createdb -h %s -p %d -U %s %s", t.Host, t.Port, t.User, t.Database)
	case ConnectRole:
		return fmt.Sprintf("correct DB_USER, or on the server: CREATE ROLE %s LOGIN PASSWORD '…';", pgx.Identifier{t.User}.Sanitize())
	case ConnectNotAllowed:
		return fmt.Sprintf("on the server: a line for %s in pg_hba.conf, and GRANT CONNECT ON DATABASE %s TO %s;",
			t.User, pgx.Identifier{t.Database}.Sanitize(), pgx.Identifier{t.User}.Sanitize())
	case ConnectTLSRefused:
		return "turn ssl on in postgresql.conf, or, where the network is trusted, set DB_SSLMODE=disable"
	case ConnectTLSRequired:
		return "set DB_SSLMODE=require (better verify-full with sslrootcert)"
	case ConnectCertificate:
		return "set sslrootcert to the certificate of the authority that signed the server's, and DB_HOST to a name the certificate holds"
	case ConnectTooMany:
		return "close idle clients, or raise max_connections (or the CONNECTION LIMIT of the role or database)"
	case ConnectStarting:
		return "wait for its recovery to end, then run the same command again"
	case ConnectShuttingDown:
		return "start it again, then run the same command again"
	case ConnectPooler:
		return "set DB_HOST and DB_PORT to the PostgreSQL server itself, not the pooler; usually port 5432"
	default:
		return "clipperops config show prints the settings in use and where each comes from"
	}
}
