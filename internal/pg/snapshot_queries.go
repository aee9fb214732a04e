package pg

import "strings"

// The catalog queries share one language. Each returns the columns listed at collection.add. In
// each, "o" is the catalog row of the object and "n" its namespace; what stands in braces is
// replaced:
//
//	{visible}    the namespace n is one that a snapshot shows
//	{own}        the object o is not a member of an extension
//	{made}       the object o, which has no namespace, was not there when the cluster was made
//	{relations}  every visible relation: its pg_class row, and its name as ident
//	{index}      what pg_get_indexdef and pg_get_constraintdef do not say of the index ic, i
//
// The others stand for columns that not every version has.

const ownFragment = `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = o.tableoid AND e.objid = o.oid AND e.deptype = 'e')`

const relationsFragment = `(SELECT o.*, o.tableoid AS class, format('%I.%I', n.nspname, o.relname) AS ident
  FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
  WHERE {visible} AND {own})`

const indexFragment = `concat(
  CASE WHEN ic.reltablespace <> 0 THEN
    (SELECT ' TABLESPACE ' || quote_ident(spcname) FROM pg_tablespace WHERE oid = ic.reltablespace) END,
  (SELECT ' PARTITION OF ' || inhparent::regclass FROM pg_inherits WHERE inhrelid = ic.oid),
  (SELECT string_agg(format(' STATISTICS (%s) %s', attnum, attstattarget), '' ORDER BY attnum)
   FROM pg_attribute WHERE attrelid = ic.oid AND attstattarget >= 0),
  CASE WHEN i.indisclustered THEN ' CLUSTER' END,
  CASE WHEN i.indisreplident THEN ' REPLICA IDENTITY' END,
  CASE WHEN NOT i.indisready THEN ' NOT READY' END,
  CASE WHEN NOT i.indisvalid THEN ' INVALID' END)`

// firstUserOID is the first OID the server gives to what users make (FirstNormalObjectId).
const firstUserOID = "16384"

// snapshotQueries returns the queries for a server of that version.
func snapshotQueries(version int, excludeSchemas []string) []string {
	hidden := []string{quoteLiteral("information_schema"), quoteLiteral(ledgerSchema)}
	for _, s := range excludeSchemas {
		hidden = append(hidden, quoteLiteral(s))
	}
	from := func(first int, expression, before string) string {
		if version >= first {
			return expression
		}
		return before
	}
	// Fragments hold fragments, so the replacer goes over the text until nothing is left.
	fragments := strings.NewReplacer(
		"{visible}", `n.nspname !~ '^pg_' AND n.nspname <> ALL (ARRAY[`+strings.Join(hidden, ", ")+`])`,
		"{own}", ownFragment,
		"{made}", `o.oid >= `+firstUserOID+` AND `+ownFragment,
		"{relations}", relationsFragment,
		"{index}", indexFragment,
		"{compression}", from(140000, `CASE a.attcompression WHEN 'p' THEN 'COMPRESSION pglz' WHEN 'l' THEN 'COMPRESSION lz4' END`, `NULL`),
		"{trigger clone}", from(130000, `t.tgparentid <> 0 AND t.tgenabled = (SELECT tgenabled FROM pg_trigger WHERE oid = t.tgparentid)`, `false`),
		// Some minor releases keep books of their own in attoptions (pg_attver, in
		// 15.20): no ALTER states them, pg_dump leaves them out, and they change
		// with every ALTER TABLE.
		"{stated option}", `o NOT LIKE 'pg\_%'`,
		"{not null}", from(180000, namedNotNull, `CASE WHEN a.attnotnull THEN 'NOT NULL' END`),
		"{multirange}", from(140000, `', MULTIRANGE ' || rngmultitypid::regtype`, `''`),
		"{publication columns}", from(150000,
			`coalesce((SELECT ' (' || string_agg(quote_ident(attname), ', ' ORDER BY attnum) || ')' FROM pg_attribute
			   WHERE attrelid = pr.prrelid AND attnum = ANY (pr.prattrs)), '') || coalesce(' WHERE ' || pg_get_expr(pr.prqual, pr.prrelid), '')`, `''`),
		"{publication schemas}", from(150000,
			`(SELECT 'TABLES IN SCHEMA ' || string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname)
			   FROM pg_publication_namespace pn JOIN pg_namespace n ON n.oid = pn.pnnspid WHERE pn.pnpubid = o.oid)`, `NULL`),
	)
	all := [][]string{relationQueries, tablePartQueries, routineQueries, typeQueries, operatorQueries, databaseQueries, foreignQueries, accessQueries}
	var queries []string
	for _, group := range all {
		for _, q := range group {
			for range 3 {
				q = fragments.Replace(q)
			}
			queries = append(queries, q)
		}
	}
	return queries
}

// namedNotNull is a column's NOT NULL where it is a constraint (from version 18): its name is said
// only when it is not the one the server itself would have chosen.
const namedNotNull = `(SELECT concat_ws(' ', CASE WHEN k.conname <> format('%s_%s_not_null', r.relname, a.attname) THEN 'CONSTRAINT ' || quote_ident(k.conname) END,
    'NOT NULL', CASE WHEN k.connoinherit THEN 'NO INHERIT' END, CASE WHEN NOT k.convalidated THEN 'NOT VALID' END)
  FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum])`

func quoteLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
