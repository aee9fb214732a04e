package pg

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
)

// Cluster is what a server has beside its databases, as far as another server
// must have it to hold a clone of one of them. It holds no passwords.
type Cluster struct {
	VersionNum int
	// User is whom the connection that read it was authenticated as.
	User string
	// Bootstrap is the first superuser, whom initdb made.
	Bootstrap string
	// Roles are all but the bootstrap superuser and the server's own, pg_….
	Roles []Role
	// Memberships are those of all roles.
	Memberships []Membership
	Tablespaces []Tablespace
	// MaxLocks is max_locks_per_transaction, MaxPrepared max_prepared_transactions.
	MaxLocks, MaxPrepared string
}

// Role is a role's attributes and settings.
type Role struct {
	Name string
	// Attributes are as CREATE ROLE has them: "SUPERUSER NOCREATEDB …".
	Attributes string
	// Settings are "name=value", those of ALTER ROLE … SET.
	Settings []string
}

// Membership is a role in another. Options is what stands after WITH.
type Membership struct{ Role, Member, Options string }

// Tablespace is a place for tables that is not the server's own.
type Tablespace struct {
	Name, Owner string
	// Creators may create tables in it; empty names PUBLIC.
	Creators []string
}

const rolesSQL = `
SELECT rolname::text, concat_ws(' ',
       CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
       CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
       CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
       CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END), coalesce(rolconfig, '{}')
  FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY (oid = 10) DESC, rolname`

// The options of a membership other than ADMIN came with 16.
const membershipsSQL = `
SELECT pg_catalog.pg_get_userbyid(roleid)::text, pg_catalog.pg_get_userbyid(member)::text,
       concat_ws(', ', CASE WHEN bool_or(admin_option) THEN 'ADMIN OPTION' END{options})
  FROM pg_catalog.pg_auth_members WHERE pg_catalog.pg_get_userbyid(member) !~ '^pg_' GROUP BY roleid, member ORDER BY 1, 2`

const tablespacesSQL = `
SELECT spcname::text, pg_catalog.pg_get_userbyid(spcowner)::text,
       ARRAY(SELECT CASE WHEN x.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(x.grantee)::text END
               FROM pg_catalog.aclexplode(spcacl) x WHERE x.grantee <> spcowner ORDER BY 1)
  FROM pg_catalog.pg_tablespace WHERE spcname !~ '^pg_' ORDER BY 1`

// ReadCluster reads them. Everybody may.
func ReadCluster(ctx context.Context, conn *pgx.Conn) (*Cluster, error) {
	var c Cluster
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, session_user::text, pg_catalog.pg_get_userbyid(10)::text,
		current_setting('max_locks_per_transaction'), current_setting('max_prepared_transactions')`).
		Scan(&c.VersionNum, &c.User, &c.Bootstrap, &c.MaxLocks, &c.MaxPrepared)
	if err == nil {
		c.Roles, err = collect[Role](ctx, conn, rolesSQL)
	}
	if err == nil {
		options := ""
		if c.VersionNum >= 160000 {
			options = ", 'INHERIT ' || bool_or(inherit_option), 'SET ' || bool_or(set_option)"
		}
		c.Memberships, err = collect[Membership](ctx, conn, strings.ReplaceAll(membershipsSQL, "{options}", options))
	}
	if err == nil {
		c.Tablespaces, err = collect[Tablespace](ctx, conn, tablespacesSQL)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the roles of the server: %w", Cause(ctx, err))
	}
	return &c, nil
}

// collect reads rows into structs, column by column.
func collect[T any](ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]T, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// MakeRoles makes the roles on the empty server of conn, on which we are the
// bootstrap superuser under that name. Of the passwords, those of the roles named
// are set: all others cannot log in.
func (c *Cluster) MakeRoles(ctx context.Context, conn *pgx.Conn, passwords map[string]config.Secret) error {
	var script strings.Builder
	for _, r := range c.Roles {
		name := pgx.Identifier{r.Name}.Sanitize()
		if r.Name != c.Bootstrap {
			fmt.Fprintf(&script, "CREATE ROLE %s %s;\n", name, r.Attributes)
			if password, ok := passwords[r.Name]; ok {
				fmt.Fprintf(&script, "ALTER ROLE %s PASSWORD %s;\n", name, literal(password.Reveal()))
			}
		}
	}
	for _, m := range c.Memberships {
		with := ""
		if m.Options != "" {
			with = " WITH " + m.Options
		}
		fmt.Fprintf(&script, "GRANT %s TO %s%s;\n", pgx.Identifier{m.Role}.Sanitize(), pgx.Identifier{m.Member}.Sanitize(), with)
	}
	if err := conn.PgConn().Exec(ctx, script.String()).Close(); err != nil {
		return fmt.Errorf("making the roles: %w", Cause(ctx, err))
	}
	return nil
}

// SetRoles gives the roles their settings, and returns those that the server does
// not take: an extension may be needed that defines them.
func (c *Cluster) SetRoles(ctx context.Context, conn *pgx.Conn) (refused []string) {
	for _, r := range c.Roles {
		for _, setting := range r.Settings {
			sql := setStatement("ALTER ROLE "+pgx.Identifier{r.Name}.Sanitize(), setting)
			if _, err := conn.Exec(ctx, sql); err != nil {
				refused = append(refused, fmt.Sprintf("a setting of the role %s: %v", r.Name, err))
			}
		}
	}
	return refused
}

// MakeTablespaces makes tablespaces of those names inside the data directory of a
// server that is ours alone. Servers older than 15 may not know how.
func (c *Cluster) MakeTablespaces(ctx context.Context, conn *pgx.Conn) error {
	if len(c.Tablespaces) == 0 {
		return nil
	}
	if _, err := conn.Exec(ctx, "SET allow_in_place_tablespaces = on"); err != nil {
		return fmt.Errorf("making the tablespaces: %w", Cause(ctx, err))
	}
	for _, t := range c.Tablespaces {
		name := pgx.Identifier{t.Name}.Sanitize()
		statements := []string{"CREATE TABLESPACE " + name + " OWNER " + pgx.Identifier{t.Owner}.Sanitize() + " LOCATION ''"}
		for _, creator := range t.Creators {
			to := "PUBLIC"
			if creator != "" {
				to = pgx.Identifier{creator}.Sanitize()
			}
			statements = append(statements, "GRANT CREATE ON TABLESPACE "+name+" TO "+to)
		}
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return fmt.Errorf("making the tablespace %s: %w", t.Name, Cause(ctx, err))
			}
		}
	}
	return nil
}

// listSettings are the settings whose value is a list of names, each quoted by itself.
var listSettings = []string{"search_path", "temp_tablespaces", "session_preload_libraries", "shared_preload_libraries", "local_preload_libraries", "unix_socket_directories"}

// setStatement is "ALTER … SET name TO value" for a setting as the catalogs keep
// it, name=value.
func setStatement(alter, setting string) string {
	name, value, _ := strings.Cut(setting, "=")
	quoted := literal(value)
	if slices.Contains(listSettings, strings.ToLower(name)) {
		var parts []string
		for _, part := range splitNames(value) {
			parts = append(parts, literal(part))
		}
		quoted = strings.Join(parts, ",")
	}
	if quoted == "" {
		quoted = " ''"
	}
	identifiers := strings.Split(name, ".")
	return alter + " SET " + pgx.Identifier(identifiers).Sanitize() + " TO" + quoted
}

// splitNames splits a list such as `"$user", public` and takes off the quotes.
func splitNames(list string) []string {
	var names []string
	var name strings.Builder
	quoted, any := false, false
	for i := 0; i < len(list); i++ {
		switch b := list[i]; {
		case b == '"' && quoted && i+1 < len(list) && list[i+1] == '"':
			name.WriteByte(b)
			i++
		case b == '"':
			quoted, any = !quoted, true
		case b == ',' && !quoted:
			names = append(names, name.String())
			name.Reset()
			any = false
		case b == ' ' && !quoted:
		default:
			name.WriteByte(b)
			any = true
		}
	}
	if any {
		names = append(names, name.String())
	}
	return names
}
