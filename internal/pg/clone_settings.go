package pg

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ownSettings are stated for every scratch database, whatever the source has.
var ownSettings = []string{"synchronous_commit", "client_connection_check_interval"}

// meaning are the settings that decide what a statement means, and what the
// server then writes down as a default, a bound of a partition or a view. A server
// of another configuration would be found to differ in what it only says otherwise.
var meaning = []string{
	"TimeZone", "DateStyle", "IntervalStyle", "search_path", "default_text_search_config", "lc_monetary", "lc_numeric", "lc_time",
	"standard_conforming_strings", "backslash_quote", "array_nulls", "transform_null_equals", "bytea_output", "extra_float_digits",
	"xmlbinary", "xmloption", "quote_all_identifiers", "check_function_bodies", "row_security", "timezone_abbreviations",
	"default_toast_compression", "default_table_access_method", "default_transaction_isolation", "default_transaction_read_only",
	"default_transaction_deferrable", "createrole_self_grant",
}

// copySettings gives the scratch database the settings of its source: those of
// the database and, on another server, what decides the meaning of statements.
func (m *making) copySettings(ctx context.Context) error {
	name := pgx.Identifier{m.clone.Name}.Sanitize()
	type setting struct {
		Role bool
		Text string
	}
	settings, err := collect[setting](ctx, m.source.conn, `
		SELECT s.setrole <> 0, unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s
		  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
		 WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
		   AND (s.setrole = 0 OR r.rolname = session_user) ORDER BY 1, 2`)
	if err != nil {
		return fmt.Errorf("reading the settings of the database: %w", Cause(ctx, err))
	}
	for _, s := range settings {
		of := "ALTER DATABASE " + name
		if s.Role {
			of = m.alterRole()
		}
		if err := m.set(ctx, of, s.Text); err != nil {
			return err
		}
	}
	if m.at.Same {
		return nil
	}
	return m.copyMeaning(ctx)
}

// alterRole is for what holds for our role in the scratch database alone.
func (m *making) alterRole() string {
	return "ALTER ROLE " + pgx.Identifier{m.at.As.User}.Sanitize() + " IN DATABASE " + pgx.Identifier{m.clone.Name}.Sanitize()
}

// set sets one, given as name=value. What our role may not set, and what the
// server does not know, is noted.
func (m *making) set(ctx context.Context, alter, setting string) error {
	name, _, _ := strings.Cut(setting, "=")
	if slices.Contains(ownSettings, strings.ToLower(name)) {
		return nil
	}
	_, err := m.keeper.Exec(ctx, setStatement(alter, setting))
	if err != nil && sqlState(err) == "" {
		return fmt.Errorf("setting %s: %w", name, Cause(ctx, err))
	}
	if err != nil {
		m.warn(fmt.Sprintf("the setting %s of %s is not on the clone: %v", name, m.r.Source.Database, err))
	}
	return nil
}

// copyMeaning compares what our role finds on the source with what it finds in
// the clone, and sets what differs.
func (m *making) copyMeaning(ctx context.Context) error {
	conn, err := Connect(ctx, m.clone.Target, ConnOptions{Application: m.r.Application})
	if err != nil {
		return err
	}
	defer closeQuietly(ctx, conn)
	want, err := currentSettings(ctx, m.source.conn)
	if err != nil {
		return err
	}
	got, err := currentSettings(ctx, conn)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if is, known := got[name]; known && is != want[name] {
			if err := m.set(ctx, m.alterRole(), name+"="+want[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func currentSettings(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	rows, err := conn.Query(ctx, "SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY ($1)", meaning)
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", Cause(ctx, err))
	}
	defer rows.Close()
	settings := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("reading the settings: %w", Cause(ctx, err))
		}
		settings[name] = value
	}
	return settings, rows.Err()
}

// warn notes what is not as in the source.
func (m *making) warn(text string) {
	m.clone.Warnings = append(m.clone.Warnings, text)
	m.r.Note(text)
}
