package pg

// typeQueries find enums, domains, composite, range and base types. The row types of tables, array
// types and multiranges come with what they belong to.
var typeQueries = []string{
	`SELECT 'enum', o.tableoid, o.oid, 0, format('%I.%I', n.nspname, o.typname), 0, 0,
	  coalesce((SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = o.oid), ''),
	  quote_ident(pg_get_userbyid(o.typowner))
	FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace WHERE o.typtype = 'e' AND {visible} AND {own}`,

	`SELECT 'domain', o.tableoid, o.oid, 0, format('%I.%I', n.nspname, o.typname), 0, 0, concat_ws(' ',
	  format_type(o.typbasetype, o.typtypmod),
	  CASE WHEN o.typcollation <> b.typcollation THEN
	    (SELECT 'COLLATE ' || format('%I.%I', cn.nspname, c.collname)
	     FROM pg_collation c JOIN pg_namespace cn ON cn.oid = c.collnamespace WHERE c.oid = o.typcollation) END,
	  'DEFAULT ' || coalesce(pg_get_expr(o.typdefaultbin, 0), o.typdefault),
	  CASE WHEN o.typnotnull THEN 'NOT NULL' END,
	  (SELECT string_agg('CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
	     || coalesce(' COMMENT ' || quote_literal(obj_description(k.oid, 'pg_constraint')), ''), ' ' ORDER BY k.conname)
	   FROM pg_constraint k WHERE k.contypid = o.oid AND k.contype = 'c')),
	  quote_ident(pg_get_userbyid(o.typowner))
	FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace JOIN pg_type b ON b.oid = o.typbasetype
	WHERE o.typtype = 'd' AND {visible} AND {own}`,

	`SELECT 'type', o.reltype_class, o.reltype, 0, o.ident, 0, 0, 'AS (' || coalesce((
	  SELECT string_agg(concat(quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),
	    CASE WHEN a.attcollation <> t.typcollation THEN
	      (SELECT ' COLLATE ' || format('%I.%I', cn.nspname, c.collname)
	       FROM pg_collation c JOIN pg_namespace cn ON cn.oid = c.collnamespace WHERE c.oid = a.attcollation) END,
	    ' COMMENT ' || quote_literal(col_description(a.attrelid, a.attnum))), ', ' ORDER BY a.attnum)
	  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
	  WHERE a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')',
	  quote_ident(pg_get_userbyid(o.relowner))
	FROM (SELECT r.*, 'pg_type'::regclass::oid AS reltype_class FROM {relations} r WHERE r.relkind = 'c') o
	WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = o.reltype_class AND e.objid = o.reltype AND e.deptype = 'e')`,

	`SELECT 'type', o.tableoid, o.oid, 0, format('%I.%I', n.nspname, o.typname), 0, 0,
	  CASE WHEN NOT o.typisdefined THEN 'SHELL' ELSE (
	    SELECT 'AS RANGE (SUBTYPE ' || format_type(r.rngsubtype, NULL)
	      || ', SUBTYPE_OPCLASS ' || (SELECT format('%I.%I', cn.nspname, c.opcname) FROM pg_opclass c JOIN pg_namespace cn ON cn.oid = c.opcnamespace WHERE c.oid = r.rngsubopc)
	      || coalesce(', COLLATION ' || (SELECT format('%I.%I', cn.nspname, c.collname) FROM pg_collation c JOIN pg_namespace cn ON cn.oid = c.collnamespace WHERE c.oid = r.rngcollation), '')
	      || CASE WHEN r.rngcanonical <> 0 THEN ', CANONICAL ' || r.rngcanonical::regproc ELSE '' END
	      || CASE WHEN r.rngsubdiff <> 0 THEN ', SUBTYPE_DIFF ' || r.rngsubdiff::regproc ELSE '' END
	      || {multirange} || ')'
	    FROM pg_range r WHERE r.rngtypid = o.oid) END,
	  quote_ident(pg_get_userbyid(o.typowner))
	FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace
	WHERE (o.typtype = 'r' OR NOT o.typisdefined) AND {visible} AND {own}`,

	`SELECT 'type', o.tableoid, o.oid, 0, format('%I.%I', n.nspname, o.typname), 0, 0,
	  format('BASE INPUT %s OUTPUT %s RECEIVE %s SEND %s TYPMOD_IN %s TYPMOD_OUT %s ANALYZE %s LENGTH %s BYVALUE %s ALIGNMENT %s STORAGE %s CATEGORY %s PREFERRED %s DELIMITER %s',
	    o.typinput, o.typoutput, o.typreceive, o.typsend, o.typmodin, o.typmodout, o.typanalyze, o.typlen, o.typbyval, o.typalign, o.typstorage,
	    o.typcategory, o.typispreferred, quote_literal(o.typdelim::text)) || coalesce(' DEFAULT ' || quote_literal(o.typdefault), ''),
	  quote_ident(pg_get_userbyid(o.typowner))
	FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace
	WHERE o.typtype = 'b' AND o.typisdefined AND NOT EXISTS (SELECT FROM pg_type el WHERE el.typarray = o.oid) AND {visible} AND {own}`,
}

// routineQueries find functions, procedures and aggregates. What a range type brings along is its own.
var routineQueries = []string{
	`SELECT CASE o.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, o.tableoid, o.oid, 0,
	  format('%I.%I(%s)', n.nspname, o.proname, oidvectortypes(o.proargtypes)), 0, 0, pg_get_functiondef(o.oid),
	  quote_ident(pg_get_userbyid(o.proowner))
	FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace
	WHERE o.prokind <> 'a' AND {visible} AND {own}
	  AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = o.tableoid AND i.objid = o.oid AND i.deptype = 'i')`,

	`SELECT 'aggregate', o.tableoid, o.oid, 0, format('%I.%I(%s)', n.nspname, o.proname, oidvectortypes(o.proargtypes)), 0, 0,
	  concat_ws(' ', pg_get_function_arguments(o.oid), 'RETURNS ' || pg_get_function_result(o.oid), 'KIND ' || a.aggkind::text, a.aggnumdirectargs,
	    'SFUNC ' || a.aggtransfn, 'STYPE ' || a.aggtranstype::regtype, 'SSPACE ' || a.aggtransspace,
	    'FINALFUNC ' || a.aggfinalfn, a.aggfinalextra, a.aggfinalmodify,
	    'COMBINEFUNC ' || a.aggcombinefn, 'SERIALFUNC ' || a.aggserialfn, 'DESERIALFUNC ' || a.aggdeserialfn,
	    'MSFUNC ' || a.aggmtransfn, 'MINVFUNC ' || a.aggminvtransfn, 'MSTYPE ' || a.aggmtranstype::regtype, 'MSSPACE ' || a.aggmtransspace,
	    'MFINALFUNC ' || a.aggmfinalfn, a.aggmfinalextra, a.aggmfinalmodify,
	    'SORTOP ' || a.aggsortop::regoperator, 'INITCOND ' || quote_literal(a.agginitval), 'MINITCOND ' || quote_literal(a.aggminitval),
	    'PARALLEL ' || o.proparallel::text),
	  quote_ident(pg_get_userbyid(o.proowner))
	FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace JOIN pg_aggregate a ON a.aggfnoid = o.oid
	WHERE {visible} AND {own}`,
}

// operatorQueries find operators, what indexes use of them, casts and conversions.
var operatorQueries = []string{
	`SELECT 'operator', o.tableoid, o.oid, 0, o.oid::regoperator::text, 0, 0,
	  format('FUNCTION %s RESULT %s COMMUTATOR %s NEGATOR %s RESTRICT %s JOIN %s HASHES %s MERGES %s', o.oprcode, o.oprresult::regtype,
	    o.oprcom::regoperator, o.oprnegate::regoperator, o.oprrest, o.oprjoin, o.oprcanhash, o.oprcanmerge),
	  quote_ident(pg_get_userbyid(o.oprowner))
	FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE {visible} AND {own}`,

	`SELECT 'operator family', o.tableoid, o.oid, 0, format('%I.%I USING %I', n.nspname, o.opfname, m.amname), 0, 0, concat_ws('; ',
	  (SELECT string_agg(format('OPERATOR %s %s%s', amopstrategy, amopopr::regoperator,
	     CASE WHEN amopsortfamily <> 0 THEN ' FOR ORDER BY' END), '; ' ORDER BY amopstrategy, amopopr::regoperator::text) FROM pg_amop WHERE amopfamily = o.oid),
	  (SELECT string_agg(format('FUNCTION %s (%s, %s) %s', amprocnum, amproclefttype::regtype, amprocrighttype::regtype, amproc::regprocedure), '; '
	     ORDER BY amprocnum, amproclefttype::regtype::text, amprocrighttype::regtype::text) FROM pg_amproc WHERE amprocfamily = o.oid)),
	  quote_ident(pg_get_userbyid(o.opfowner))
	FROM pg_opfamily o JOIN pg_namespace n ON n.oid = o.opfnamespace JOIN pg_am m ON m.oid = o.opfmethod WHERE {visible} AND {own}`,

	`SELECT 'operator class', o.tableoid, o.oid, 0, format('%I.%I USING %I', n.nspname, o.opcname, m.amname), 0, 0, concat_ws(' ',
	  CASE WHEN o.opcdefault THEN 'DEFAULT' END, 'FOR TYPE ' || o.opcintype::regtype,
	  (SELECT 'FAMILY ' || format('%I.%I', fn.nspname, f.opfname) FROM pg_opfamily f JOIN pg_namespace fn ON fn.oid = f.opfnamespace WHERE f.oid = o.opcfamily),
	  CASE WHEN o.opckeytype <> 0 THEN 'STORAGE ' || o.opckeytype::regtype END),
	  quote_ident(pg_get_userbyid(o.opcowner))
	FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am m ON m.oid = o.opcmethod WHERE {visible} AND {own}`,

	`SELECT 'cast', o.tableoid, o.oid, 0, format('(%s AS %s)', format_type(o.castsource, NULL), format_type(o.casttarget, NULL)), 0, 0,
	  format('METHOD %s FUNCTION %s CONTEXT %s', o.castmethod, o.castfunc::regprocedure, o.castcontext), ''
	FROM pg_cast o WHERE {made}
	  AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = o.tableoid AND i.objid = o.oid AND i.deptype = 'i')`,

	`SELECT 'conversion', o.tableoid, o.oid, 0, format('%I.%I', n.nspname, o.conname), 0, 0,
	  concat_ws(' ', CASE WHEN o.condefault THEN 'DEFAULT' END, 'FOR', pg_encoding_to_char(o.conforencoding), 'TO', pg_encoding_to_char(o.contoencoding), 'FROM', o.conproc),
	  quote_ident(pg_get_userbyid(o.conowner))
	FROM pg_conversion o JOIN pg_namespace n ON n.oid = o.connamespace WHERE {visible} AND {own}`,

	// A copy of the server's own "C" has no encoding, what a dump makes of it the database's.
	`SELECT 'collation', o.tableoid, o.oid, 0, format('%I.%I', n.nspname, o.collname), 0, 0,
	  (to_jsonb(o) - ARRAY['oid', 'collname', 'collnamespace', 'collowner', 'collversion', 'collencoding'])::text, quote_ident(pg_get_userbyid(o.collowner))
	FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace WHERE {visible} AND {own}`,
}
