package pg

// accessQueries find grants, default privileges, comments and security labels. A grant is told of
// where it differs from what the owner's object has without any, so that a GRANT with its REVOKE
// leaves no trace. An owner may always grant what is his, whether it says so or not.
var accessQueries = []string{
	`WITH acls AS (
	  SELECT tableoid AS class, oid AS object, 0 AS sub, relowner AS owner, relacl AS acl,
	    (CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char" AS type FROM pg_class WHERE relacl IS NOT NULL
	  UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, c.relowner, attacl, 'c'
	    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attacl IS NOT NULL AND NOT attisdropped
	  UNION ALL SELECT tableoid, oid, 0, proowner, proacl, 'f' FROM pg_proc WHERE proacl IS NOT NULL
	  UNION ALL SELECT tableoid, oid, 0, nspowner, nspacl, 'n' FROM pg_namespace WHERE nspacl IS NOT NULL
	  UNION ALL SELECT tableoid, oid, 0, typowner, typacl, 'T' FROM pg_type WHERE typacl IS NOT NULL
	  UNION ALL SELECT tableoid, oid, 0, lanowner, lanacl, 'l' FROM pg_language WHERE lanacl IS NOT NULL
	  UNION ALL SELECT tableoid, oid, 0, fdwowner, fdwacl, 'F' FROM pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL
	  UNION ALL SELECT tableoid, oid, 0, srvowner, srvacl, 'S' FROM pg_foreign_server WHERE srvacl IS NOT NULL),
	ours AS (
	  SELECT class, object, sub, owner, acl, acldefault(type, owner) AS base FROM acls
	  WHERE object >= ` + firstUserOID + ` OR class = 'pg_namespace'::regclass),
	changed AS (
	  SELECT '@grant' AS kind, ours.*, x.* FROM ours,
	    LATERAL (SELECT grantor, grantee, privilege_type, is_grantable AND grantee <> owner AS is_grantable FROM aclexplode(acl)
	             EXCEPT SELECT * FROM aclexplode(base)) x
	  UNION ALL
	  SELECT '@revoked default', ours.*, x.* FROM ours,
	    LATERAL (SELECT * FROM aclexplode(base)
	             EXCEPT SELECT grantor, grantee, privilege_type, is_grantable AND grantee <> owner FROM aclexplode(acl)) x)
	SELECT kind, class, object, sub, CASE WHEN kind = '@grant' THEN ' TO ' ELSE ' FROM ' END
	    || CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
	    || CASE WHEN grantor <> owner THEN ' GRANTED BY ' || quote_ident(pg_get_userbyid(grantor)) ELSE '' END, 0, 0,
	  string_agg(privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', ' ORDER BY privilege_type, is_grantable), ''
	FROM changed GROUP BY kind, class, object, sub, owner, grantee, grantor`,

	`WITH acls AS (
	  SELECT d.tableoid AS class, d.oid AS object, n.nspname, d.defaclrole AS owner, d.defaclobjtype AS type, d.defaclacl AS acl,
	    CASE WHEN d.defaclnamespace <> 0 THEN acldefault('c', d.defaclrole)
	      ELSE acldefault((CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END)::"char", d.defaclrole) END AS base
	  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace WHERE d.defaclnamespace = 0 OR {visible}),
	changed AS (
	  SELECT 'default privilege' AS kind, acls.*, x.* FROM acls, LATERAL (SELECT * FROM aclexplode(acl) EXCEPT SELECT * FROM aclexplode(base)) x
	  UNION ALL
	  SELECT 'revoked default privilege', acls.*, x.* FROM acls, LATERAL (SELECT * FROM aclexplode(base) EXCEPT SELECT * FROM aclexplode(acl)) x)
	SELECT kind, class, object, 0, concat('OF ', quote_ident(pg_get_userbyid(owner)), ' IN SCHEMA ' || quote_ident(nspname), ' ON ',
	    CASE type WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE type::text END,
	    CASE WHEN kind = 'default privilege' THEN ' TO ' ELSE ' FROM ' END,
	    CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
	    CASE WHEN grantor <> owner THEN ' GRANTED BY ' || quote_ident(pg_get_userbyid(grantor)) END), 0, 0,
	  string_agg(privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', ' ORDER BY privilege_type, is_grantable), ''
	FROM changed GROUP BY kind, class, object, nspname, owner, type, grantee, grantor`,

	// What the server and the extensions brought is no object of the schema, but who was given
	// access to it since is.
	`WITH acls AS (
	  SELECT tableoid AS class, oid AS object, 0 AS sub, relnamespace AS namespace, relowner AS owner, relacl AS acl,
	    (CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char" AS type FROM pg_class WHERE relacl IS NOT NULL
	  UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, c.relnamespace, c.relowner, attacl, 'c'
	    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attacl IS NOT NULL AND NOT attisdropped
	  UNION ALL SELECT tableoid, oid, 0, pronamespace, proowner, proacl, 'f' FROM pg_proc WHERE proacl IS NOT NULL
	  UNION ALL SELECT tableoid, oid, 0, oid, nspowner, nspacl, 'n' FROM pg_namespace WHERE nspacl IS NOT NULL
	  UNION ALL SELECT tableoid, oid, 0, typnamespace, typowner, typacl, 'T' FROM pg_type WHERE typacl IS NOT NULL
	  UNION ALL SELECT tableoid, oid, 0, 'pg_catalog'::regnamespace, lanowner, lanacl, 'l' FROM pg_language WHERE lanacl IS NOT NULL
	  UNION ALL SELECT tableoid, oid, 0, 0, fdwowner, fdwacl, 'F' FROM pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL),
	theirs AS (
	  SELECT class, object, sub, owner, acl, coalesce(i.initprivs, acldefault(type, owner)) AS base
	  FROM acls LEFT JOIN pg_init_privs i ON i.classoid = class AND i.objoid = object AND i.objsubid = sub
	  WHERE acl IS DISTINCT FROM i.initprivs
	    AND (object < ` + firstUserOID + ` AND namespace = 'pg_catalog'::regnamespace
	      OR EXISTS (SELECT FROM pg_depend e WHERE e.classid = class AND e.objid = object AND e.deptype = 'e'))),
	changed AS (
	  SELECT 'grant' AS kind, theirs.*, x.* FROM theirs,
	    LATERAL (SELECT grantor, grantee, privilege_type, is_grantable AND grantee <> owner AS is_grantable FROM aclexplode(acl)
	             EXCEPT SELECT grantor, grantee, privilege_type, is_grantable AND grantee <> owner FROM aclexplode(base)) x
	  UNION ALL
	  SELECT 'revoked default', theirs.*, x.* FROM theirs,
	    LATERAL (SELECT grantor, grantee, privilege_type, is_grantable AND grantee <> owner AS is_grantable FROM aclexplode(base)
	             EXCEPT SELECT grantor, grantee, privilege_type, is_grantable AND grantee <> owner FROM aclexplode(acl)) x)
	SELECT kind, class, object, sub, (SELECT it.type || ' ' || it.identity FROM pg_identify_object(class, object, sub) it)
	    || CASE WHEN kind = 'grant' THEN ' TO ' ELSE ' FROM ' END
	    || CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
	    || CASE WHEN grantor <> owner THEN ' GRANTED BY ' || quote_ident(pg_get_userbyid(grantor)) ELSE '' END, 0, 0,
	  string_agg(privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', ' ORDER BY privilege_type, is_grantable), ''
	FROM changed GROUP BY kind, class, object, sub, owner, grantee, grantor`,

	// That of an index behind a constraint is told of with the constraint.
	`SELECT '@extension dependency', d.classid, d.objid, 0, ' ON ' || quote_ident(e.extname), 0, 0, '', ''
	FROM pg_extension e JOIN pg_depend d ON d.refclassid = e.tableoid AND d.refobjid = e.oid AND d.deptype = 'x'`,

	`SELECT '@comment', classoid, objoid, objsubid, '', 0, 0, description, '' FROM pg_description
	WHERE objoid >= ` + firstUserOID + ` OR classoid = 'pg_namespace'::regclass`,

	`SELECT '@security label', classoid, objoid, objsubid, ' FOR ' || quote_ident(provider), 0, 0, label, '' FROM pg_seclabel`,
}
