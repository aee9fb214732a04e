package migrate

import (
	"strings"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// rows are statements that read or change rows, with or without WITH.
func (c *collector) rows(r *reader, st sqlscan.Statement) {
	start := *r
	switch {
	case r.take("TRUNCATE"):
		r.take("TABLE")
		for _, t := range r.names() {
			c.written(t)
		}
		return
	case r.take("COPY"):
		c.copies(r)
		return
	case r.take("LOCK"), r.take("VACUUM"), r.take("ANALYZE"), r.take("ANALYSE"), r.take("CLUSTER"):
		r.skipParens()
		r.takeAny("TABLE", "FULL", "FREEZE", "VERBOSE", "ANALYZE")
		for _, t := range r.names() {
			c.referenced(t)
		}
		return
	case r.take("REINDEX"):
		r.skipParens()
		if r.take("TABLE") {
			r.take("CONCURRENTLY")
			if t, ok := r.name(); ok {
				c.referenced(t)
			}
		}
		return
	}
	c.writes(r)
	c.reads(&start)
	if start.is("SELECT") {
		c.calls(&start, st)
	}
}

func (c *collector) copies(r *reader) {
	table, ok := r.name()
	if !ok {
		c.reads(r) // COPY (query) TO
		return
	}
	r.skipParens()
	if r.is("FROM") {
		c.written(table)
	} else {
		c.referenced(table)
	}
}

// writes finds INSERT INTO, UPDATE, DELETE FROM, MERGE INTO and SELECT INTO
// wherever they stand.
func (c *collector) writes(r *reader) {
	for !r.done() {
		switch before := r.at(-1); {
		case r.take("INSERT", "INTO"), r.take("DELETE", "FROM"), r.take("MERGE", "INTO"):
			r.take("ONLY")
			if t, ok := r.name(); ok {
				c.written(t)
			}
		case r.is("UPDATE") && !isAny(before, "FOR", "DO", "KEY", "ON", "THEN", "OF"):
			r.pos++
			r.take("ONLY")
			if t, ok := r.name(); ok {
				c.written(t)
			}
		case r.is("INTO") && !isAny(before, "INSERT", "MERGE"):
			r.pos++
			temporary := r.take("TEMP") || r.take("TEMPORARY")
			r.takeAny("UNLOGGED", "TABLE")
			if t, ok := r.name(); ok {
				c.tableMade(t, temporary)
			}
		default:
			r.pos++
		}
	}
}

func isAny(t sqlscan.Token, keywords ...string) bool {
	for _, k := range keywords {
		if t.Is(k) {
			return true
		}
	}
	return false
}

// reads finds the tables behind FROM, JOIN and USING.
func (c *collector) reads(r *reader) {
	ctes := commonTables(r)
	var openers []sqlscan.Token // the word before each parenthesis that is open
	for rest := *r; !rest.done(); rest.pos++ {
		t := rest.at(0)
		switch {
		case t.IsPunct("("):
			openers = append(openers, rest.at(-1))
		case t.IsPunct(")") && len(openers) > 0:
			openers = openers[:len(openers)-1]
		case t.Is("FROM") && !rest.at(-1).Is("DISTINCT") && !rest.at(-1).Is("DELETE") && !(len(openers) > 0 && takesFrom(openers[len(openers)-1])),
			t.Is("JOIN"), t.Is("USING") && !rest.at(1).IsPunct("("):
			list := rest
			list.pos++
			c.fromList(&list, ctes)
		}
	}
}

// takesFrom names the functions whose arguments are written with FROM.
func takesFrom(t sqlscan.Token) bool {
	return isAny(t, "EXTRACT", "SUBSTRING", "TRIM", "OVERLAY")
}

// fromList notes tables with commas and aliases between.
func (c *collector) fromList(r *reader, ctes map[string]bool) {
	for {
		r.takeAny("ONLY", "LATERAL")
		t, ok := r.name()
		if !ok {
			return
		}
		if r.at(0).IsPunct("(") { // a function
			r.skipParens()
		} else if !(t.Schema == "" && ctes[t.Name]) && t.Schema != "pg_catalog" && t.Schema != "information_schema" && !strings.HasPrefix(t.Name, "pg_") {
			c.referenced(t)
		}
		if r.take("AS") || r.at(0).Name() != "" && !isAny(r.at(0), afterTable...) {
			r.pos++
		}
		r.skipParens()
		if !r.at(0).IsPunct(",") {
			return
		}
		r.pos++
	}
}

// afterTable are words that are no alias.
var afterTable = []string{
	"WHERE", "JOIN", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "NATURAL", "ON", "USING", "GROUP", "ORDER", "LIMIT", "UNION",
	"SET", "HAVING", "RETURNING", "FOR", "WINDOW", "OFFSET", "FETCH", "EXCEPT", "INTERSECT", "TABLESAMPLE", "WHEN", "WITH",
}

// commonTables are the names WITH gives: what stands before AS (.
func commonTables(r *reader) map[string]bool {
	names := map[string]bool{}
	for rest := *r; !rest.done(); rest.pos++ {
		if !rest.is("AS") {
			continue
		}
		if rest.at(1).IsPunct("(") || isAny(rest.at(1), "MATERIALIZED", "NOT") {
			names[rest.at(-1).Name()] = true
		}
	}
	return names
}

// calls notes functions that a SELECT may be written for.
func (c *collector) calls(r *reader, st sqlscan.Statement) {
	for rest := *r; !rest.done(); rest.pos++ {
		t := rest.at(0)
		if t.Name() == "" || !rest.at(1).IsPunct("(") || harmless[t.Name()] {
			continue
		}
		c.opaque(st, "SELECT "+t.Text+"(…)")
		return
	}
}

// harmless are words and functions before a parenthesis that change no table.
var harmless = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`
		all and any array as avg between bool_and bool_or by case cast coalesce concat count current_setting date_trunc
		distinct else except exists extract filter from format format_type gen_random_uuid generate_series greatest group
		having in intersect is join jsonb_build_object lateral least left length like lower max md5 min not now nullif on or
		over overlay partition position quote_ident quote_literal random regexp_replace replace right round row
		row_number select set_config setval some string_agg substring sum then to_char to_regclass trim union upper using
		values varchar numeric when where within char character decimal timestamp time bit interval float array_agg
		to_regprocedure pg_sleep`) {
		all[w] = true
	}
	return all
}()
