package config

import (
	"slices"
	"strings"
)

// use says what becomes of a connection parameter.
type use int

const (
	// useTarget: a field of Target.
	useTarget use = iota
	// useLookup: says where to look other parameters up.
	useLookup
	// usePassed: understood by pgx and by libpq alike, and handed to both.
	usePassed
	// useServer: a setting of the server's session.
	useServer
	// useNothing: means nothing to clipperops; accepted so that the very URL an
	// application uses can be used here, and listed as not used.
	useNothing
	// useRefused: promises something that pgx or the client programs would not
	// keep, so that going on would be less safe than what was asked for.
	useRefused
)

// keyword is a connection parameter as libpq names it.
// Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
type keyword struct {
	name string
	// env is the variable libpq reads it from, "" when there is none.
	env string
	use use
	// values are the only ones allowed; nil allows any.
	values []string
	// why explains a refusal.
	why string
}

// The parameters that a Target holds in fields, by libpq's names.
const (
	kwHost        = "host"
	kwPort        = "port"
	kwUser        = "user"
	kwPassword    = "password"
	kwDatabase    = "dbname"
	kwSSLMode     = "sslmode"
	kwSSLRootCert = "sslrootcert"
	kwSSLCert     = "sslcert"
	kwSSLKey      = "sslkey"
	kwService     = "service"
	kwServiceFile = "servicefile"
	kwPassFile    = "passfile"
	kwTimeout     = "connect_timeout"
	kwOptions     = "options"
)

var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

var protocolVersions = []string{"3.0", "3.2", "latest"}

var keywords = []keyword{
	{name: kwHost, env: "PGHOST", use: useTarget},
	{name: kwPort, env: "PGPORT", use: useTarget},
	{name: kwUser, env: "PGUSER", use: useTarget},
	{name: kwPassword, env: "PGPASSWORD", use: useTarget},
	{name: kwDatabase, env: "PGDATABASE", use: useTarget},
	{name: kwSSLMode, env: "PGSSLMODE", use: useTarget, values: sslModes},
	{name: kwSSLRootCert, env: "PGSSLROOTCERT", use: useTarget},
	{name: kwSSLCert, env: "PGSSLCERT", use: useTarget},
	{name: kwSSLKey, env: "PGSSLKEY", use: useTarget},

	{name: kwService, env: "PGSERVICE", use: useLookup},
	{name: kwServiceFile, env: "PGSERVICEFILE", use: useLookup},
	{name: kwPassFile, env: "PGPASSFILE", use: useLookup},

	{name: kwTimeout, env: "PGCONNECT_TIMEOUT", use: usePassed},
	{name: kwOptions, env: "PGOPTIONS", use: usePassed},
	{name: "target_session_attrs", env: "PGTARGETSESSIONATTRS", use: usePassed, values: []string{"any", "read-write", "read-only", "primary", "standby", "prefer-standby"}},
	{name: "channel_binding", env: "PGCHANNELBINDING", use: usePassed, values: []string{"disable", "prefer", "require"}},
	{name: "require_auth", env: "PGREQUIREAUTH", use: usePassed},
	{name: "sslnegotiation", env: "PGSSLNEGOTIATION", use: usePassed, values: []string{"postgres", "direct"}},
	{name: "sslcertmode", env: "PGSSLCERTMODE", use: usePassed, values: []string{"disable", "allow", "require"}},
	{name: "sslsni", env: "PGSSLSNI", use: usePassed, values: []string{"0", "1"}},
	{name: "krbsrvname", env: "PGKRBSRVNAME", use: usePassed},
	{name: "min_protocol_version", env: "PGMINPROTOCOLVERSION", use: usePassed, values: protocolVersions},
	{name: "max_protocol_version", env: "PGMAXPROTOCOLVERSION", use: usePassed, values: protocolVersions},

	{name: "timezone", env: "PGTZ", use: useServer},
	{name: "datestyle", env: "PGDATESTYLE", use: useServer},
	{name: "geqo", env: "PGGEQO", use: useServer},
	{name: "role", use: useServer},
	{name: "search_path", use: useServer},
	{name: "statement_timeout", use: useServer},
	{name: "lock_timeout", use: useServer},
	{name: "transaction_timeout", use: useServer},
	{name: "idle_in_transaction_session_timeout", use: useServer},
	{name: "idle_session_timeout", use: useServer},
	{name: "intervalstyle", use: useServer},
	{name: "bytea_output", use: useServer},
	{name: "extra_float_digits", use: useServer},
	{name: "work_mem", use: useServer},
	{name: "maintenance_work_mem", use: useServer},
	{name: "synchronous_commit", use: useServer},
	{name: "default_tablespace", use: useServer},
	{name: "default_transaction_isolation", use: useServer},
	{name: "default_transaction_read_only", use: useServer},
	{name: "client_min_messages", use: useServer},
	{name: "row_security", use: useServer},
	{name: "jit", use: useServer},

	{name: "application_name", env: "PGAPPNAME", use: useNothing},
	{name: "fallback_application_name", use: useNothing},
	{name: "client_encoding", env: "PGCLIENTENCODING", use: useNothing},
	{name: "keepalives", use: useNothing},
	{name: "keepalives_idle", use: useNothing},
	{name: "keepalives_interval", use: useNothing},
	{name: "keepalives_count", use: useNothing},
	{name: "tcp_user_timeout", use: useNothing},
	{name: "load_balance_hosts", env: "PGLOADBALANCEHOSTS", use: useNothing},
	{name: "gssencmode", env: "PGGSSENCMODE", use: useNothing},
	{name: "gssdelegation", env: "PGGSSDELEGATION", use: useNothing},
	{name: "gsslib", env: "PGGSSLIB", use: useNothing},
	{name: "krbspn", use: useNothing},
	{name: "sslcompression", env: "PGSSLCOMPRESSION", use: useNothing},
	{name: "binary_parameters", use: useNothing},
	{name: "default_query_exec_mode", use: useNothing},
	{name: "statement_cache_capacity", use: useNothing},
	{name: "description_cache_capacity", use: useNothing},

	{name: "hostaddr", env: "PGHOSTADDR", use: useRefused, why: "give the address as the host"},
	{name: "sslpassword", env: "PGSSLPASSWORD", use: useRefused, why: "pg_dump and psql could only be told the passphrase in public; use a key without one"},
	{name: "sslcrl", env: "PGSSLCRL", use: useRefused, why: "revocation lists are not checked"},
	{name: "sslcrldir", env: "PGSSLCRLDIR", use: useRefused, why: "revocation lists are not checked"},
	{name: "ssl_min_protocol_version", env: "PGSSLMINPROTOCOLVERSION", use: useRefused, why: "set it on the server; TLS 1.2 is the least that is spoken"},
	{name: "ssl_max_protocol_version", env: "PGSSLMAXPROTOCOLVERSION", use: useRefused, why: "set it on the server"},
	{name: "requirepeer", env: "PGREQUIREPEER", use: useRefused, why: "the owner of a socket is not checked"},
	{name: "scram_client_key", use: useRefused, why: "use a password"},
	{name: "scram_server_key", use: useRefused, why: "use a password"},
	{name: "oauth_client_secret", use: useRefused, why: "use a password"},
	{name: "replication", use: useRefused, why: "a replication connection cannot migrate"},
}

var keywordsByName = func() map[string]keyword {
	byName := make(map[string]keyword, len(keywords))
	for _, k := range keywords {
		byName[k.name] = k
	}
	return byName
}()

// libpqExtras are variables of libpq that stand for no parameter of ours, but
// would still steer a child program.
var libpqExtras = []string{"PGSYSCONFDIR", "PGLOCALEDIR", "PGREALM", "PGREQUIRESSL", "PGSSLKEYLOGFILE"}

// findKeyword returns the parameter of that name. Names that begin with "pool_"
// (pgxpool) or "x-" (golang-migrate) are known and mean nothing here.
func findKeyword(name string) (keyword, bool) {
	if name == "database" { // pgx's spelling
		name = kwDatabase
	}
	if k, ok := keywordsByName[strings.ToLower(name)]; ok && (k.name == name || k.use == useServer) {
		return k, true
	}
	if strings.HasPrefix(name, "x-migrations-") {
		return keyword{name: name, use: useRefused, why: "the version is kept in the table schema_migrations of the default schema"}, true
	}
	if (strings.HasPrefix(name, "pool_") || strings.HasPrefix(name, "x-")) && harmless.MatchString(name) {
		return keyword{name: name, use: useNothing}, true
	}
	return keyword{}, false
}

func keywordNames() []string {
	names := make([]string, 0, len(keywords))
	for _, k := range keywords {
		names = append(names, k.name)
	}
	return names
}

// LibpqVariables lists every environment variable that libpq, or pgx in its
// place, reads connection settings from. Load has turned those that are set
// into values of its result; whoever connects or starts a child program
// afterwards removes them from the environment, or they would speak a second
// time and fill what the Target leaves out.
func LibpqVariables() []string {
	names := slices.Clone(libpqExtras)
	for _, k := range keywords {
		if k.env != "" {
			names = append(names, k.env)
		}
	}
	slices.Sort(names)
	return names
}

// WithoutLibpq returns environ, entries of the form KEY=value, without the
// LibpqVariables. Followed by Target.Environ it is the environment for a child
// program.
func WithoutLibpq(environ []string) []string {
	drop := LibpqVariables()
	kept := make([]string, 0, len(environ))
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if _, found := slices.BinarySearch(drop, name); !found {
			kept = append(kept, entry)
		}
	}
	return kept
}
