package pg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/config"
)

// refreshTimeout bounds filling one materialized view from empty tables.
const refreshTimeout = 30 * time.Second

// finish does what no dump does: materialized views that can be read on the
// source can be read on the clone, and extensions belong to whom they belong.
func (m *making) finish(ctx context.Context, into config.Target) error {
	populated, err := collect[struct{ Schema, Name string }](ctx, m.source.conn, `
		SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		 WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid`)
	if err != nil {
		return fmt.Errorf("listing the materialized views: %w", Cause(ctx, err))
	}
	refresh := len(populated) > 0 && m.r.Fill == nil
	adopt := m.at.Own && len(m.source.extensions) > 0
	if !refresh && !adopt {
		return nil
	}
	conn, err := Connect(ctx, into, ConnOptions{Application: m.r.Application, StatementTimeout: refreshTimeout})
	if err != nil {
		return err
	}
	defer closeQuietly(ctx, conn)
	if adopt {
		if err := m.adopt(ctx, conn); err != nil {
			return err
		}
	}
	if !refresh {
		return nil
	}
	var views []pgx.Identifier
	for _, v := range populated {
		views = append(views, pgx.Identifier{v.Schema, v.Name})
	}
	return m.refresh(ctx, conn, views)
}

// refresh fills the materialized views from the empty tables, again and again
// while one that others read comes before them. The rows of foreign tables are
// not fetched for that.
func (m *making) refresh(ctx context.Context, conn *pgx.Conn, views []pgx.Identifier) error {
	var foreign bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relkind = 'f')").Scan(&foreign); err != nil {
		return fmt.Errorf("filling the materialized views: %w", Cause(ctx, err))
	}
	if foreign {
		m.warn("the materialized views of the clone are not filled: there are foreign tables, which they may read")
		return nil
	}
	for len(views) > 0 {
		var again []pgx.Identifier
		var last error
		for _, v := range views {
			_, err := conn.Exec(ctx, "REFRESH MATERIALIZED VIEW "+v.Sanitize())
			if err != nil && sqlState(err) == "" {
				return fmt.Errorf("filling the materialized view %s: %w", v.Sanitize(), Cause(ctx, err))
			}
			if err != nil {
				again, last = append(again, v), err
			}
		}
		if len(again) == len(views) {
			m.warn(fmt.Sprintf("the materialized view %s is not filled on the clone: %v", again[len(again)-1].Sanitize(), last))
			return nil
		}
		views = again
	}
	return nil
}

// adopt gives the extensions to their owners. There is no statement for that; on
// a server that is ours alone the catalogs can be told. What they hold is the
// bootstrap superuser's, who has no entries in pg_shdepend.
func (m *making) adopt(ctx context.Context, conn *pgx.Conn) error {
	for _, e := range m.source.extensions {
		if e.Owner == m.at.Admin.User {
			continue
		}
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE pg_catalog.pg_extension SET extowner = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $2) WHERE extname = $1", e.Name, e.Owner)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `
				INSERT INTO pg_catalog.pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype)
				SELECT d.oid, 'pg_extension'::regclass, e.oid, 0, 'pg_authid'::regclass, e.extowner, 'o'
				  FROM pg_catalog.pg_extension e, pg_catalog.pg_database d WHERE e.extname = $1 AND d.datname = current_database()`, e.Name)
			return err
		})
		if err != nil {
			return fmt.Errorf("giving the extension %s to its owner: %w", e.Name, Cause(ctx, err))
		}
	}
	return nil
}
