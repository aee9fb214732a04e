package validate

// The queries of the catalogues. Each yields the fields of its struct in order;
// $1 is the schema, $2 the tables. They run with the release's schema first in
// search_path, so that names come out unqualified.
const (
	serverQuery = `
SELECT pg_is_in_recovery(), setting = 'on', source, current_user
FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'`

	tableQuery = `
SELECT c.relname, c.relkind::text
FROM pg_catalog.pg_class c
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
  AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`

	columnQuery = `
SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
       coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
  AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`

	// The keys come as one writes them: DESC implies NULLS FIRST, and the other
	// orders of NULL are named.
	indexQuery = `
SELECT c.relname, i.relname, m.amname, x.indisunique, x.indisvalid AND x.indisready AND x.indislive,
       EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x')),
       ARRAY (
           SELECT pg_catalog.pg_get_indexdef(i.oid, n, true)
               || CASE (x.indoption[n - 1])::int
                      WHEN 1 THEN ' desc nulls last' WHEN 2 THEN ' nulls first' WHEN 3 THEN ' desc' ELSE '' END
           FROM generate_series(1, x.indnkeyatts) n ORDER BY n),
       coalesce(pg_catalog.pg_get_expr(x.indpred, x.indrelid, true), '')
FROM pg_catalog.pg_index x
    JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
    JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid = i.relam
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
  AND c.relname = ANY ($2)`

	constraintQuery = `
SELECT c.relname, k.conname,
       CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'f' THEN 'foreign key' WHEN 'u' THEN 'unique'
                      WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion' ELSE k.contype::text END,
       k.convalidated,
       ARRAY (
           SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (num, n)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.n),
       coalesce(f.relname, ''),
       CASE k.confdeltype WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'
                          WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' ELSE '' END,
       pg_catalog.pg_get_constraintdef(k.oid)
FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
    LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
  AND c.relname = ANY ($2) AND k.conparentid = 0`

	triggerQuery = `
SELECT c.relname, t.tgname, t.tgenabled::text, t.tgtype, p.proname
FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
  AND c.relname = ANY ($2) AND NOT t.tgisinternal`

	functionQuery = `
SELECT p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid), coalesce(pg_catalog.pg_get_function_result(p.oid), '')
FROM pg_catalog.pg_proc p
WHERE p.pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)`
)
