package ledger

import (
	"context"
	"fmt"
	"strings"
)

// site is what can be known of the ledger's place without touching it.
type site struct {
	role, database string
	owner          string // of schema clipperops, "" while there is none
	recovery       bool
	readOnly       bool
	ascii          bool // the database cannot store every character
	schema         bool
	tables         bool // schema_version is there
	mayCreate      bool // CREATE on the database
	mayUse         bool // USAGE on the schema
	mayAdd         bool // CREATE in the schema
}

// survey asks the catalogs only: they can be read by everyone, and on a standby.
func survey(ctx context.Context, db Executor) (site, error) {
	var s site
	var encoding string
	err := db.QueryRow(ctx, `
		SELECT current_user, pg_catalog.current_database(),
		       coalesce(pg_catalog.pg_get_userbyid(n.nspowner), ''),
		       pg_catalog.pg_is_in_recovery(),
		       pg_catalog.current_setting('transaction_read_only') = 'on',
		       pg_catalog.current_setting('server_encoding'),
		       n.oid IS NOT NULL,
		       v.oid IS NOT NULL,
		       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
		       coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false),
		       coalesce(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false)
		  FROM (SELECT 1) AS one
		  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'clipperops'
		  LEFT JOIN pg_catalog.pg_class v ON v.relnamespace = n.oid AND v.relname = 'schema_version'`,
	).Scan(&s.role, &s.database, &s.owner, &s.recovery, &s.readOnly, &encoding,
		&s.schema, &s.tables, &s.mayCreate, &s.mayUse, &s.mayAdd)
	s.ascii = encoding != "UTF8" && encoding != "SQL_ASCII"
	return s, err
}

// writable answers from the survey alone, so that a server that cannot be
// written is not even tried.
func (s site) writable() error {
	switch {
	case s.recovery:
		return &UnavailableError{Reason: ReadOnly, Role: s.role, Detail: "the server is a standby in recovery"}
	case s.readOnly:
		return &UnavailableError{Reason: ReadOnly, Role: s.role, Detail: "the session is read-only"}
	case !s.schema && !s.mayCreate:
		return &UnavailableError{
			Reason: NoPrivilege, Role: s.role,
			Detail: fmt.Sprintf("role %s may not create schema clipperops in database %s", s.role, s.database),
			Remedy: fmt.Sprintf("CREATE SCHEMA clipperops AUTHORIZATION %s;   as the database's owner", quote(s.role)),
		}
	case s.schema && !s.mayUse, s.schema && !s.tables && !s.mayAdd:
		return s.notOurs("schema clipperops belongs to role " + s.owner)
	}
	return nil
}

func (s site) notOurs(detail string) error {
	return &UnavailableError{
		Reason: NoPrivilege, Role: s.role, Detail: detail,
		Remedy: fmt.Sprintf("GRANT %s TO %s;   or run as %s", quote(s.owner), quote(s.role), s.owner),
	}
}

// permitted makes sure that every table of the ledger can be written, so that a
// missing right is said once at the beginning and not at every step.
func permitted(ctx context.Context, db Executor, s site) error {
	var closed []string
	err := db.QueryRow(ctx, `
		SELECT coalesce(pg_catalog.array_agg(c.relname::text ORDER BY c.relname), '{}')
		  FROM pg_catalog.pg_class c
		  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		 WHERE n.nspname = 'clipperops' AND c.relkind = 'r'
		   AND c.relname IN ('runs', 'files', 'statements', 'known_versions')
		   AND NOT (pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
		        AND pg_catalog.has_table_privilege(c.oid, 'UPDATE') AND pg_catalog.has_table_privilege(c.oid, 'DELETE'))`,
	).Scan(&closed)
	if err != nil {
		return err
	}
	if len(closed) > 0 {
		return s.notOurs(fmt.Sprintf("role %s may not write clipperops.%s", s.role, strings.Join(closed, ", clipperops.")))
	}
	return nil
}
