package pg

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// cloneSource is the database that is cloned: one transaction that holds the
// snapshot pg_dump reads from, and what a place must know of it.
type cloneSource struct {
	r      CloneRequest
	conn   *pgx.Conn
	server Server
	locale Locale
	// snapshot is the id pg_export_snapshot gave.
	snapshot string
	// owner and tablespace are the database's; grants are its own, none where they
	// are the default.
	owner, tablespace string
	grants            []databaseGrant
	// extensions are those installed, but for plpgsql.
	extensions []extension
	// owners and grantees are the roles that own something in it, or have something
	// granted.
	owners, grantees []string
}

// extension is one that is installed. Line is how pg_dump creates it.
type extension struct{ Name, Version, Owner, Line string }

// databaseGrant is an entry of a database's access list. An empty grantee is PUBLIC.
type databaseGrant struct {
	Grantee, Privilege string
	Grantable          bool
}

// openCloneSource connects, opens the snapshot and reads what is to be known.
func openCloneSource(ctx context.Context, r CloneRequest) (*cloneSource, error) {
	conn, err := Connect(ctx, r.Source, ConnOptions{Application: r.Application, LockTimeout: r.LockWait})
	if err != nil {
		return nil, err
	}
	s := &cloneSource{r: r, conn: conn}
	if err := s.read(ctx); err != nil {
		closeQuietly(ctx, conn)
		return nil, err
	}
	return s, nil
}

func (s *cloneSource) read(ctx context.Context) error {
	if err := RequireDirect(ctx, s.conn); err != nil {
		return err
	}
	var err error
	if s.server, err = Describe(ctx, s.conn); err != nil {
		return err
	}
	if s.r.Fill == nil && s.r.Programs.Dump.Major < s.server.Major() {
		return unusable(
			fmt.Sprintf("%s is too old for the server, which is PostgreSQL %s", s.r.Programs.Dump, s.server.Version),
			fmt.Sprintf("install the client programs of PostgreSQL %d", s.server.Major()))
	}
	if _, err := s.conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return fmt.Errorf("opening the snapshot: %w", Cause(ctx, err))
	}
	if err := s.conn.QueryRow(ctx, "SELECT pg_catalog.pg_export_snapshot()").Scan(&s.snapshot); err != nil {
		return fmt.Errorf("opening the snapshot: %w", Cause(ctx, err))
	}
	if s.locale, err = ReadLocale(ctx, s.conn, s.server.Major()); err != nil {
		return err
	}
	return s.readRoles(ctx)
}

// readRoles reads who owns the database and what is in it, and who was granted
// something. What the bootstrap superuser owns, and what is granted to roles of
// the server's own, does not stand in pg_shdepend.
func (s *cloneSource) readRoles(ctx context.Context) error {
	err := s.conn.QueryRow(ctx, `
		WITH db AS (SELECT oid, datdba, dattablespace FROM pg_catalog.pg_database WHERE datname = current_database()),
		without AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1)),
		leftout AS (SELECT 'pg_class'::regclass AS class, oid FROM pg_catalog.pg_class WHERE relnamespace IN (SELECT oid FROM without)
		          UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_catalog.pg_proc WHERE pronamespace IN (SELECT oid FROM without)
		          UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_catalog.pg_type WHERE typnamespace IN (SELECT oid FROM without)
		          UNION ALL SELECT 'pg_namespace'::regclass, oid FROM without),
		used AS (SELECT DISTINCT refobjid AS role, deptype = 'o' AS owner FROM pg_catalog.pg_shdepend s
		          WHERE dbid = (SELECT oid FROM db) AND refclassid = 'pg_authid'::regclass
		            AND NOT EXISTS (SELECT FROM leftout l WHERE l.class = s.classid AND l.oid = s.objid)),
		owned AS (SELECT relowner AS role, 'pg_class'::regclass AS class, oid FROM pg_catalog.pg_class WHERE oid >= 16384
		          UNION ALL SELECT proowner, 'pg_proc'::regclass, oid FROM pg_catalog.pg_proc WHERE oid >= 16384
		          UNION ALL SELECT typowner, 'pg_type'::regclass, oid FROM pg_catalog.pg_type WHERE oid >= 16384
		          UNION ALL SELECT nspowner, 'pg_namespace'::regclass, oid FROM pg_catalog.pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_')
		SELECT pg_catalog.pg_get_userbyid((SELECT datdba FROM db))::text,
		       (SELECT spcname::text FROM pg_catalog.pg_tablespace t JOIN db ON t.oid = db.dattablespace),
		       ARRAY(SELECT pg_catalog.pg_get_userbyid(role)::text FROM used WHERE owner
		             UNION SELECT pg_catalog.pg_get_userbyid(role)::text FROM owned o WHERE role = 10
		               AND NOT EXISTS (SELECT FROM leftout l WHERE l.class = o.class AND l.oid = o.oid)
		               AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e') ORDER BY 1),
		       ARRAY(SELECT DISTINCT pg_catalog.pg_get_userbyid(role)::text FROM used WHERE NOT owner ORDER BY 1)`, s.without()).
		Scan(&s.owner, &s.tablespace, &s.owners, &s.grantees)
	if err != nil {
		return fmt.Errorf("reading the roles of the database: %w", Cause(ctx, err))
	}
	s.grants, err = collect[databaseGrant](ctx, s.conn, `
		SELECT CASE WHEN x.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(x.grantee)::text END, x.privilege_type, x.is_grantable
		  FROM pg_catalog.pg_database d, LATERAL pg_catalog.aclexplode(d.datacl) x WHERE d.datname = current_database() ORDER BY 1, 2`)
	if err != nil {
		return fmt.Errorf("reading the grants on the database: %w", Cause(ctx, err))
	}
	s.extensions, err = collect[extension](ctx, s.conn, `
		SELECT extname::text, extversion, pg_catalog.pg_get_userbyid(extowner)::text,
		       format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I', extname, nspname)
		  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("reading the extensions: %w", Cause(ctx, err))
	}
	return nil
}

// without are the schemas that are left out; a dump that fills the clone has all.
func (s *cloneSource) without() []string {
	if s.r.Fill != nil {
		return nil
	}
	return s.r.Without
}

// roles are all that the schema and the database name, each once.
func (s *cloneSource) roles() []string {
	all := slices.Concat(s.owners, s.grantees, []string{s.owner})
	for _, g := range s.grants {
		if g.Grantee != "" {
			all = append(all, g.Grantee)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (s *cloneSource) close(ctx context.Context) { closeQuietly(ctx, s.conn) }

func unusable(what, next string) error {
	return &ops.Failure{Code: ops.ExitUsage, What: what, State: []string{"nothing was touched"}, Next: []string{next}}
}
