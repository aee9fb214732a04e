package migrate

import (
	"strings"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// cannotRunInTransaction names the statement when the server refuses it inside a
// transaction (SQLSTATE 25001), and is "" otherwise. What a procedure does
// cannot be seen from here: Apply learns it from the server.
func cannotRunInTransaction(st sqlscan.Statement) string {
	if len(st.Words) == 0 {
		return ""
	}
	switch st.Words[0] {
	case "CREATE", "DROP":
		return madeOutside(st)
	case "REINDEX":
		return reindexOutside(st)
	case "VACUUM":
		return "VACUUM"
	case "CLUSTER":
		if last := st.Tokens[len(st.Tokens)-1]; len(st.Tokens) == 1 || last.Is("VERBOSE") || last.IsPunct(")") {
			return "CLUSTER of every table"
		}
	case "ALTER":
		return alteredOutside(st)
	case "DISCARD":
		if st.Begins("DISCARD", "ALL") {
			return "DISCARD ALL"
		}
	case "DO":
		if commitsInside(st) {
			return "DO with COMMIT or ROLLBACK inside"
		}
	}
	return ""
}

func madeOutside(st sqlscan.Statement) string {
	verb, what := st.Words[0], ""
	if len(st.Words) > 1 {
		what = st.Words[1]
	}
	switch {
	case st.Begins(verb, "INDEX", "CONCURRENTLY"), st.Begins(verb, "UNIQUE", "INDEX", "CONCURRENTLY"):
		return verb + " INDEX CONCURRENTLY"
	case what == "DATABASE", what == "TABLESPACE", what == "SUBSCRIPTION":
		return verb + " " + what
	}
	return ""
}

// reindexOutside knows REINDEX INDEX CONCURRENTLY i and REINDEX (CONCURRENTLY) INDEX i.
func reindexOutside(st sqlscan.Statement) string {
	options, rest := parenthesized(st.Tokens[1:])
	for i, t := range options {
		if t.Is("CONCURRENTLY") && !switchedOff(options[i+1:]) {
			return "REINDEX CONCURRENTLY"
		}
	}
	if len(rest) > 1 && rest[1].Is("CONCURRENTLY") {
		return "REINDEX CONCURRENTLY"
	}
	for _, kind := range []string{"SCHEMA", "DATABASE", "SYSTEM"} {
		if len(rest) > 0 && rest[0].Is(kind) {
			return "REINDEX " + kind
		}
	}
	return ""
}

// switchedOff reports whether an option's value is false.
func switchedOff(tokens []sqlscan.Token) bool {
	if len(tokens) == 0 {
		return false
	}
	value := strings.ToLower(strings.Trim(tokens[0].Text, `'"`))
	return value == "false" || value == "off" || value == "0"
}

// parenthesized cuts a list in parentheses off the front.
func parenthesized(tokens []sqlscan.Token) (inside, rest []sqlscan.Token) {
	if len(tokens) == 0 || !tokens[0].IsPunct("(") {
		return nil, tokens
	}
	for i, t := range tokens {
		if t.IsPunct(")") {
			return tokens[1:i], tokens[i+1:]
		}
	}
	return nil, tokens
}

func alteredOutside(st sqlscan.Statement) string {
	switch {
	case st.Begins("ALTER", "SYSTEM"):
		return "ALTER SYSTEM"
	case st.Begins("ALTER", "DATABASE") && hasWords(st, "SET", "TABLESPACE"):
		return "ALTER DATABASE SET TABLESPACE"
	case st.Begins("ALTER", "SUBSCRIPTION") && hasWords(st, "REFRESH", "PUBLICATION"):
		return "ALTER SUBSCRIPTION REFRESH PUBLICATION"
	case st.Begins("ALTER", "TABLE") && hasWords(st, "DETACH", "PARTITION") && st.Tokens[len(st.Tokens)-1].Is("CONCURRENTLY"):
		return "DETACH PARTITION CONCURRENTLY"
	}
	return ""
}

// hasWords reports whether the two words stand together somewhere in the statement.
func hasWords(st sqlscan.Statement, first, second string) bool {
	for i := 1; i < len(st.Tokens); i++ {
		if st.Tokens[i-1].Is(first) && st.Tokens[i].Is(second) {
			return true
		}
	}
	return false
}

// commitsInside reports whether the code of a DO block ends a transaction.
func commitsInside(st sqlscan.Statement) bool {
	for _, t := range st.Tokens {
		code, ok := t.Value()
		if !ok {
			continue
		}
		tokens, err := sqlscan.Scan(code)
		if err != nil {
			continue // PL/Python and the like; the server will say
		}
		for i, inner := range tokens {
			if (inner.Is("COMMIT") || inner.Is("ROLLBACK")) && endsThere(tokens[i+1:]) {
				return true
			}
		}
	}
	return false
}

// endsThere reports whether the next token that counts is ; or AND (CHAIN).
func endsThere(tokens []sqlscan.Token) bool {
	for _, t := range tokens {
		if t.Kind != sqlscan.Space && t.Kind != sqlscan.Comment {
			return t.IsPunct(";") || t.Is("AND")
		}
	}
	return false
}
