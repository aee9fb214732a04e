package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clipper/clipperops/internal/ops"
)

// errCannotHold is behind every refusal of a place.
var errCannotHold = errors.New("the place cannot hold the clone")

// refusal gathers why a place cannot hold a clone, and what would help.
type refusal struct{ why, next []string }

func (r *refusal) add(why string, next ...string) {
	r.why, r.next = append(r.why, why), append(r.next, next...)
}

// refuse says, before anything is made, why the place cannot hold the clone.
func (m *making) refuse(ctx context.Context) error {
	var r refusal
	m.refuseServer(&r)
	for _, look := range []func(context.Context, *refusal) error{m.refuseRole, m.refuseExtensions, m.refuseRoles, m.refusePrivileged} {
		if err := look(ctx, &r); err != nil {
			return fmt.Errorf("asking what the server has: %w", Cause(ctx, err))
		}
	}
	if len(r.why) == 0 {
		return nil
	}
	return &ops.Failure{
		Code: ops.ExitRefused, What: m.at.Place + " cannot hold a clone of " + m.r.Source.Database + ": " + r.why[0], Detail: r.why[1:],
		State: []string{"nothing was touched"}, Next: slices.Concat(r.next, m.at.Instead), Err: errCannotHold,
	}
}

// refuseServer looks at what the server is.
func (m *making) refuseServer(r *refusal) {
	if m.server.Major() < m.source.server.Major() {
		r.add(fmt.Sprintf("it is PostgreSQL %s, older than the target's %s", m.server.Version, m.source.server.Version))
	}
	if m.server.InRecovery {
		r.add("it is a standby, on which nothing can be made")
	}
}

// refuseRole looks at what our role may do.
func (m *making) refuseRole(ctx context.Context, r *refusal) error {
	var create bool
	err := m.keeper.QueryRow(ctx, `
		SELECT rolcreatedb OR rolsuper, EXISTS (SELECT FROM pg_catalog.pg_roles o WHERE o.rolname = $1 AND pg_catalog.pg_has_role(o.oid, 'USAGE'))
		  FROM pg_catalog.pg_roles WHERE rolname = current_user`, m.source.owner).Scan(&create, &m.mayOwn)
	if err == nil && !create {
		r.add("the role "+m.server.User+" may not create databases", "ALTER ROLE "+pgx.Identifier{m.server.User}.Sanitize()+" CREATEDB;")
	}
	if err == nil && m.at.Same && m.source.tablespace != "pg_default" {
		var may bool
		err = m.keeper.QueryRow(ctx, "SELECT pg_catalog.has_tablespace_privilege($1, 'CREATE')", m.source.tablespace).Scan(&may)
		if quoted := (pgx.Identifier{m.source.tablespace}).Sanitize(); err == nil && !may {
			r.add("the role "+m.server.User+" may not create databases in the tablespace "+m.source.tablespace,
				"GRANT CREATE ON TABLESPACE "+quoted+" TO "+pgx.Identifier{m.server.User}.Sanitize()+";")
		}
	}
	if err == nil && !m.mayOwn && (m.at.Same || !m.server.Superuser) {
		m.warn("the clone belongs to " + m.server.User + ", while " + m.r.Source.Database + " belongs to " + m.source.owner)
	}
	return err
}

// refuseExtensions looks for the extensions of the source, and those that the
// plan will create where the source would let it.
func (m *making) refuseExtensions(ctx context.Context, r *refusal) error {
	names := slices.Clone(m.r.Extensions)
	for _, e := range m.source.extensions {
		names = append(names, e.Name)
	}
	if len(names) == 0 {
		return nil
	}
	offered, err := m.offeredExtensions(ctx, names)
	if err != nil {
		return err
	}
	for _, e := range m.source.extensions {
		m.considerExtension(e, offered[e.Name], r)
	}
	if m.at.Same {
		return nil
	}
	wanted, err := collect[string1](ctx, m.source.conn, "SELECT name::text FROM pg_catalog.pg_available_extensions WHERE name = ANY ($1) ORDER BY 1", m.r.Extensions)
	for _, w := range wanted {
		considerWanted(w.Text, offered[w.Text], r)
	}
	return err
}

// considerWanted looks at an extension that the plan will create, and that the
// source would let it.
func considerWanted(name string, offers []offer, r *refusal) {
	if len(offers) == 0 {
		r.add("the extension "+name+", which the migration creates, is not installed there", "install the extension "+name+" on that server")
	}
}

// string1 is a row of one text.
type string1 struct{ Text string }

// offer is a version of an extension that a server has.
type offer struct {
	Name, Version string
	// Default says that it is created unless another is asked for, Superuser that
	// only a superuser may, Trusted that all the same others may.
	Default, Superuser, Trusted bool
}

// offeredExtensions are the versions of those extensions that the place has.
func (m *making) offeredExtensions(ctx context.Context, names []string) (map[string][]offer, error) {
	trusted := "v.trusted"
	if m.server.Major() < 13 {
		trusted = "false"
	}
	all, err := collect[offer](ctx, m.keeper, `
		SELECT v.name::text, v.version, v.version = e.default_version, v.superuser, `+trusted+`
		  FROM pg_catalog.pg_available_extension_versions v JOIN pg_catalog.pg_available_extensions e USING (name) WHERE v.name = ANY ($1)`, names)
	if err != nil {
		return nil, err
	}
	byName := map[string][]offer{}
	for _, o := range all {
		byName[o.Name] = append(byName[o.Name], o)
	}
	return byName, nil
}

// considerExtension decides which version of an extension the clone has.
func (m *making) considerExtension(e extension, offers []offer, r *refusal) {
	if len(offers) == 0 {
		r.add("the extension "+e.Name+" is not installed there", "install the extension "+e.Name+" on that server")
		return
	}
	i := slices.IndexFunc(offers, func(o offer) bool { return o.Version == e.Version })
	if i < 0 {
		if i = slices.IndexFunc(offers, func(o offer) bool { return o.Default }); i >= 0 {
			m.warn(fmt.Sprintf("the extension %s is %s on the clone, not %s", e.Name, offers[i].Version, e.Version))
		}
	} else if !offers[i].Default {
		if m.versions == nil {
			m.versions = map[string]string{}
		}
		m.versions[e.Line+";"] = e.Line + " VERSION" + literal(e.Version) + ";"
	}
	if i >= 0 && offers[i].Superuser && !offers[i].Trusted && !m.server.Superuser {
		r.add("the extension " + e.Name + " can be created by a superuser alone, which " + m.server.User + " is not")
	}
}

// refuseRoles looks for the roles that own something in the source, or have
// something granted, and whether our role may give them what they own.
func (m *making) refuseRoles(ctx context.Context, r *refusal) error {
	type found struct {
		Name   string
		There  bool
		Member bool
	}
	all, err := collect[found](ctx, m.keeper, `
		SELECT n.name, o.oid IS NOT NULL, coalesce(pg_catalog.pg_has_role(o.oid, 'MEMBER'), false)
		  FROM unnest($1::text[]) n (name) LEFT JOIN pg_catalog.pg_roles o ON o.rolname = n.name ORDER BY 1`, m.source.roles())
	for _, role := range all {
		quoted := pgx.Identifier{role.Name}.Sanitize()
		switch {
		case !role.There:
			r.add("the role "+role.Name+", which owns something or is granted something, is missing there", "CREATE ROLE "+quoted+";")
		case !role.Member && slices.Contains(m.source.owners, role.Name):
			r.add("the role "+m.server.User+" may not give "+role.Name+" what it owns",
				"GRANT "+quoted+" TO "+pgx.Identifier{m.server.User}.Sanitize()+";")
		}
	}
	return err
}

// refusePrivileged looks for what only a superuser can make.
func (m *making) refusePrivileged(ctx context.Context, r *refusal) error {
	if m.server.Superuser {
		return nil
	}
	all, err := collect[string1](ctx, m.source.conn, `
		SELECT 'the event trigger ' || evtname FROM pg_catalog.pg_event_trigger t WHERE NOT EXISTS (
		       SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e')
		 UNION ALL SELECT 'the publication ' || pubname || ' of all tables' FROM pg_catalog.pg_publication WHERE puballtables
		 UNION ALL SELECT 'the foreign data wrapper ' || fdwname FROM pg_catalog.pg_foreign_data_wrapper w WHERE NOT EXISTS (
		       SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_foreign_data_wrapper'::regclass AND d.objid = w.oid AND d.deptype = 'e')
		 ORDER BY 1`)
	for _, o := range all {
		r.add(o.Text + " can be made by a superuser alone, which " + m.server.User + " is not")
	}
	return err
}
