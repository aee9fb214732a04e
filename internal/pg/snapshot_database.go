package pg

// databaseQueries find what a database has once, or rarely.
var databaseQueries = []string{
	`SELECT 'extension', o.tableoid, o.oid, 0, quote_ident(o.extname), 0, 0,
	  format('VERSION %L SCHEMA %I', o.extversion, n.nspname), quote_ident(pg_get_userbyid(o.extowner))
	FROM pg_extension o JOIN pg_namespace n ON n.oid = o.extnamespace`,

	`SELECT 'language', o.tableoid, o.oid, 0, quote_ident(o.lanname), 0, 0,
	  format('TRUSTED %s HANDLER %s INLINE %s VALIDATOR %s', o.lanpltrusted, o.lanplcallfoid::regprocedure, o.laninline::regprocedure, o.lanvalidator::regprocedure),
	  quote_ident(pg_get_userbyid(o.lanowner))
	FROM pg_language o WHERE {made}`,

	`SELECT 'access method', o.tableoid, o.oid, 0, quote_ident(o.amname), 0, 0, format('TYPE %s HANDLER %s', o.amtype, o.amhandler), ''
	FROM pg_am o WHERE {made}`,

	`SELECT 'transform', o.tableoid, o.oid, 0, format('FOR %s LANGUAGE %I', format_type(o.trftype, NULL), l.lanname), 0, 0,
	  format('FROM SQL %s TO SQL %s', o.trffromsql::regprocedure, o.trftosql::regprocedure), ''
	FROM pg_transform o JOIN pg_language l ON l.oid = o.trflang WHERE {made}`,

	`SELECT 'event trigger', o.tableoid, o.oid, 0, quote_ident(o.evtname), 0, 0, concat_ws(' ', 'ON', o.evtevent,
	  'WHEN TAG IN (' || (SELECT string_agg(quote_literal(t), ', ' ORDER BY t) FROM unnest(o.evttags) t) || ')',
	  'EXECUTE FUNCTION ' || o.evtfoid::regprocedure,
	  CASE o.evtenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' END),
	  quote_ident(pg_get_userbyid(o.evtowner))
	FROM pg_event_trigger o WHERE {own}`,

	`SELECT 'publication', o.tableoid, o.oid, 0, quote_ident(o.pubname), 0, 0, concat_ws(' ',
	  CASE WHEN o.puballtables THEN 'FOR ALL TABLES' END,
	  (SELECT 'FOR TABLE ' || string_agg(pr.prrelid::regclass || {publication columns}, ', ' ORDER BY pr.prrelid::regclass::text)
	   FROM pg_publication_rel pr WHERE pr.prpubid = o.oid),
	  {publication schemas},
	  'WITH ' || (to_jsonb(o) - ARRAY['oid', 'pubname', 'pubowner', 'puballtables'])::text),
	  quote_ident(pg_get_userbyid(o.pubowner))
	FROM pg_publication o WHERE {own}`,

	// Everyone may read these columns; the connection string, with its password, only a superuser.
	`SELECT 'subscription', 'pg_subscription'::regclass::oid, 0, 0, quote_ident(s.subname), 0, 0,
	  format('PUBLICATIONS %s SLOT %s ENABLED %s', array_to_string(s.subpublications, ', '), s.subslotname, s.subenabled), ''
	FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,

	`SELECT 'text search', o.tableoid, o.oid, 0, format('configuration %I.%I', n.nspname, o.cfgname), 0, 0,
	  (SELECT format('PARSER %I.%I', pn.nspname, p.prsname) FROM pg_ts_parser p JOIN pg_namespace pn ON pn.oid = p.prsnamespace WHERE p.oid = o.cfgparser)
	  || coalesce((SELECT string_agg(format(' MAP %s %s %s', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), '' ORDER BY m.maptokentype, m.mapseqno)
	     FROM pg_ts_config_map m WHERE m.mapcfg = o.oid), ''),
	  quote_ident(pg_get_userbyid(o.cfgowner))
	FROM pg_ts_config o JOIN pg_namespace n ON n.oid = o.cfgnamespace WHERE {visible} AND {own}`,

	`SELECT 'text search', o.tableoid, o.oid, 0, format('dictionary %I.%I', n.nspname, o.dictname), 0, 0,
	  (SELECT format('TEMPLATE %I.%I', tn.nspname, t.tmplname) FROM pg_ts_template t JOIN pg_namespace tn ON tn.oid = t.tmplnamespace WHERE t.oid = o.dicttemplate)
	  || coalesce(' ' || o.dictinitoption, ''), quote_ident(pg_get_userbyid(o.dictowner))
	FROM pg_ts_dict o JOIN pg_namespace n ON n.oid = o.dictnamespace WHERE {visible} AND {own}`,

	`SELECT 'text search', o.tableoid, o.oid, 0, format('parser %I.%I', n.nspname, o.prsname), 0, 0,
	  format('START %s GETTOKEN %s END %s HEADLINE %s LEXTYPES %s', o.prsstart, o.prstoken, o.prsend, o.prsheadline, o.prslextype), ''
	FROM pg_ts_parser o JOIN pg_namespace n ON n.oid = o.prsnamespace WHERE {visible} AND {own}`,

	`SELECT 'text search', o.tableoid, o.oid, 0, format('template %I.%I', n.nspname, o.tmplname), 0, 0,
	  format('INIT %s LEXIZE %s', o.tmplinit, o.tmpllexize), ''
	FROM pg_ts_template o JOIN pg_namespace n ON n.oid = o.tmplnamespace WHERE {visible} AND {own}`,
}

// foreignQueries find foreign data wrappers and servers. Option values may be secrets: a digest
// tells that one changed without telling what it is.
var foreignQueries = []string{
	`SELECT 'foreign data wrapper', o.tableoid, o.oid, 0, quote_ident(o.fdwname), 0, 0,
	  format('HANDLER %s VALIDATOR %s', o.fdwhandler::regprocedure, o.fdwvalidator::regprocedure)
	  || coalesce(' OPTIONS digest ' || left(encode(sha256(convert_to(array_to_string(o.fdwoptions, ','), 'UTF8')), 'hex'), 16), ''),
	  quote_ident(pg_get_userbyid(o.fdwowner))
	FROM pg_foreign_data_wrapper o WHERE {own}`,

	`SELECT 'foreign server', o.tableoid, o.oid, 0, quote_ident(o.srvname), 0, 0,
	  concat_ws(' ', 'WRAPPER', quote_ident(w.fdwname), 'TYPE ' || quote_literal(o.srvtype), 'VERSION ' || quote_literal(o.srvversion),
	    'OPTIONS digest ' || left(encode(sha256(convert_to(array_to_string(o.srvoptions, ','), 'UTF8')), 'hex'), 16)),
	  quote_ident(pg_get_userbyid(o.srvowner))
	FROM pg_foreign_server o JOIN pg_foreign_data_wrapper w ON w.oid = o.srvfdw WHERE {own}`,

	`SELECT 'user mapping', 'pg_user_mapping'::regclass::oid, u.umid, 0,
	  format('FOR %s SERVER %I', CASE WHEN u.umuser = 0 THEN 'PUBLIC' ELSE quote_ident(u.usename) END, u.srvname), 0, 0, '', ''
	FROM pg_user_mappings u`,
}
