package rehearsal

import "strings"

const aloneInItsFile = "; alone in its file"

func createIndex(c *command) string {
	p := c.phrase()
	if !p.take("CREATE") {
		return ""
	}
	p.take("UNIQUE")
	if !p.take("INDEX") || p.begins("CONCURRENTLY") {
		return ""
	}
	at := len(c.tokens) - len(p)
	if !c.partitioned {
		return c.phrase().with(at, "CONCURRENTLY") + aloneInItsFile
	}
	rest := p
	rest.take("IF", "NOT", "EXISTS")
	index := "the index"
	if !rest.begins("ON") {
		index = rest.name()
	}
	rest.take("ON")
	rest.take("ONLY")
	return c.phrase()[:at].String() + " " + index + " ON ONLY " + rest.String() +
		"; then CREATE INDEX CONCURRENTLY on each partition, alone in its file, and ALTER INDEX " + index + " ATTACH PARTITION …"
}

func dropIndex(c *command) string {
	p := c.phrase()
	if !p.take("DROP", "INDEX") || p.begins("CONCURRENTLY") {
		return ""
	}
	drop := "DROP INDEX CONCURRENTLY "
	if p.take("IF", "EXISTS") {
		drop += "IF EXISTS "
	}
	var each []string
	for _, part := range p.parts() {
		if name := part.name(); name != "" {
			each = append(each, drop+name)
		}
	}
	if len(each) == 0 {
		return ""
	}
	return strings.Join(each, "; ") + aloneInItsFile
}

func reindex(c *command) string {
	p := c.phrase()
	if !p.take("REINDEX") {
		return ""
	}
	options := p.parenthesis()
	if options.hasAnywhere("CONCURRENTLY") {
		return ""
	}
	for _, kind := range []string{"INDEX", "TABLE", "SCHEMA", "DATABASE"} {
		if p.take(kind) && !p.begins("CONCURRENTLY") {
			return c.phrase().with(len(c.tokens)-len(p), "CONCURRENTLY") + aloneInItsFile
		}
	}
	return ""
}

func refresh(c *command) string {
	p := c.phrase()
	if !p.take("REFRESH", "MATERIALIZED", "VIEW") || p.begins("CONCURRENTLY") || p.hasAnywhere("NO", "DATA") {
		return ""
	}
	return c.phrase().with(len(c.tokens)-len(p), "CONCURRENTLY") + "; it needs a unique index on the view's columns, without WHERE"
}

func vacuumFull(c *command) string {
	p := c.phrase()
	switch {
	case p.take("VACUUM"):
		if !p.begins("FULL") && !p.parenthesis().hasAnywhere("FULL") {
			return ""
		}
		p.takeAny("FULL", "FREEZE", "VERBOSE", "ANALYZE")
	case p.take("CLUSTER"):
		p.take("VERBOSE")
		p.parenthesis()
	default:
		return ""
	}
	if table := p.name(); table != "" {
		return "pg_repack --table=" + table + ", from outside the migrations"
	}
	return "pg_repack, from outside the migrations"
}
