package rehearsal

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// codeSQL is everything in a database that runs code when somebody else is asked for: what
// it is, whose it is, and the code, or the name of what it hangs on. A function of the SQL
// standard's form has no source text but a body; an untrusted language can do anything.
const codeSQL = `
SELECT 'code', p.proname::text, CASE WHEN p.prosrc = '' AND p.prokind IN ('f', 'p') THEN pg_catalog.pg_get_functiondef(p.oid) ELSE p.prosrc END
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.oid >= ` + firstUserOID + ` AND l.lanname NOT IN ('c', 'internal') AND l.lanpltrusted
 UNION ALL
SELECT 'untrusted', p.proname::text, l.lanname::text FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.oid >= ` + firstUserOID + ` AND l.lanname NOT IN ('c', 'internal') AND NOT l.lanpltrusted
 UNION ALL
SELECT 'aggregate', p.proname::text, f.proname::text
  FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid
  JOIN pg_catalog.pg_proc f ON f.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggmfinalfn)
 WHERE p.oid >= ` + firstUserOID + `
 UNION ALL
SELECT 'foreign', c.relname::text, '' FROM pg_catalog.pg_class c WHERE c.relkind = 'f'
 UNION ALL
SELECT 'trigger', c.relname::text, p.proname::text
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 WHERE NOT t.tgisinternal
 UNION ALL
SELECT 'event trigger', t.evtname::text, p.proname::text
  FROM pg_catalog.pg_event_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid WHERE t.evtenabled <> 'D'
 UNION ALL
SELECT CASE c.relkind WHEN 'm' THEN 'materialized' ELSE 'view' END, c.relname::text, pg_catalog.pg_get_viewdef(c.oid)
  FROM pg_catalog.pg_class c WHERE c.relkind IN ('v', 'm') AND c.oid >= ` + firstUserOID + `
 UNION ALL
SELECT 'rule', c.relname::text, pg_catalog.pg_get_ruledef(r.oid)
  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class WHERE r.rulename <> '_RETURN' AND r.oid >= ` + firstUserOID + `
 UNION ALL
SELECT 'default', c.relname::text, pg_catalog.pg_get_expr(d.adbin, d.adrelid)
  FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid WHERE c.oid >= ` + firstUserOID + `
 UNION ALL
SELECT 'check', c.relname::text, pg_catalog.pg_get_constraintdef(k.oid)
  FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid WHERE k.contype = 'c' AND k.oid >= ` + firstUserOID + `
 UNION ALL
SELECT 'check', c.relname::text, pg_catalog.pg_get_constraintdef(k.oid)
  FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_attribute a ON a.atttypid = k.contypid JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
 WHERE k.contypid <> 0 AND k.oid >= ` + firstUserOID + `
 UNION ALL
SELECT 'policy', c.relname::text,
       concat_ws(' ; ', pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
  FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
 UNION ALL
SELECT 'index', c.relname::text, pg_catalog.pg_get_indexdef(i.indexrelid)
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
 WHERE (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND i.indexrelid >= ` + firstUserOID + `
 UNION ALL
SELECT 'parent', p.relname::text, c.relname::text
  FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
 WHERE p.relkind IN ('r', 'p')`

// readReach finds what of the clone leads out of it.
func readReach(ctx context.Context, conn *pgx.Conn) (*reach, error) {
	results, err := conn.PgConn().Exec(ctx, codeSQL).ReadAll()
	if err != nil {
		return nil, err
	}
	r := &reach{functions: map[string]bool{}, relations: map[string]string{}, refreshed: map[string]string{}}
	for _, name := range reachingFunctions {
		r.functions[name] = true
	}
	for more := true; more; { // a function may call another, a view ask a view
		more = false
		for _, row := range results[0].Rows {
			more = r.learn(string(row[0]), string(row[1]), string(row[2])) || more
		}
	}
	return r, nil
}

// learn notes what of one row leads out; true when that was not known.
func (r *reach) learn(kind, name, code string) bool {
	switch kind {
	case "code":
		return !r.functions[name] && r.inCode(code) != "" && r.reaching(name)
	case "untrusted":
		return !r.functions[name] && r.reaching(name)
	case "aggregate":
		return !r.functions[name] && r.functions[code] && r.reaching(name)
	case "event trigger":
		if r.always != "" || !r.functions[code] {
			return false
		}
		r.always = "the event trigger " + name + ", which calls " + code + "()"
		return true
	case "materialized":
		if what := r.inCode(code); r.refreshed[name] == "" && what != "" {
			r.refreshed[name] = "materialized view " + name + ", whose query leads to " + what
			return true
		}
		return false
	}
	if r.relations[name] != "" {
		return false
	}
	switch kind {
	case "foreign":
		r.relations[name] = "table " + name + ", which is a foreign one"
	case "trigger":
		if r.functions[code] {
			r.relations[name] = "table " + name + ", which has a trigger that calls " + code + "()"
		}
	case "parent":
		if what := r.relations[code]; what != "" {
			r.relations[name] = "table " + name + ", part of which is " + what
		}
	case "view":
		if what := r.inCode(code); what != "" {
			r.relations[name] = "view " + name + ", whose query leads to " + what
		}
	default:
		if what := r.inCode(code); what != "" {
			r.relations[name] = "table " + name + ", which has a " + kind + " that leads to " + what
		}
	}
	return r.relations[name] != ""
}

// reaching notes a function.
func (r *reach) reaching(name string) bool {
	r.functions[name] = true
	return true
}
