package repair

import (
	"slices"

	"github.com/clipper/clipperops/internal/sqlscan"
)

// mayChangeSchema is false of statements that change rows or settings alone.
func mayChangeSchema(st sqlscan.Statement) bool {
	if len(st.Words) == 0 {
		return true
	}
	switch st.Words[0] {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "TRUNCATE", "SET", "RESET", "ANALYZE", "VACUUM", "LOCK":
		return false
	}
	return true
}

// mayChangeRows is true of statements whose effect a schema need not show.
func mayChangeRows(st sqlscan.Statement) bool {
	if len(st.Words) == 0 {
		return true
	}
	switch st.Words[0] {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "TRUNCATE", "WITH", "DO", "CALL", "EXECUTE":
		return true
	case "SELECT": // setval(…), a function called for what it does
		return slices.ContainsFunc(st.Tokens, func(t sqlscan.Token) bool { return t.IsPunct("(") })
	}
	return false
}

// forSession reports whether the statement only sets something for those behind it.
func forSession(st sqlscan.Statement) bool { return st.Begins("SET") || st.Begins("RESET") }

// wholeServer says what a statement changes outside the database it runs in, "" when it
// does not: on a server that others use it must not run for a comparison.
func wholeServer(st sqlscan.Statement) string {
	const skipped = "is about the whole server, and was left out"
	if len(st.Words) == 0 {
		return ""
	}
	object := func(i int) bool {
		if i >= len(st.Words) {
			return false
		}
		switch st.Words[i] {
		case "ROLE", "GROUP", "DATABASE", "TABLESPACE", "SUBSCRIPTION", "SYSTEM", "PARAMETER":
			return true
		case "USER":
			return i+1 >= len(st.Words) || st.Words[i+1] != "MAPPING"
		}
		return false
	}
	switch st.Words[0] {
	case "CREATE", "ALTER", "DROP":
		if object(1) || st.Begins("DROP", "OWNED") {
			return skipped
		}
	case "REASSIGN":
		return skipped
	case "COMMENT", "SECURITY":
		if on := slices.Index(st.Words, "ON"); on > 0 && object(on+1) {
			return skipped
		}
	case "GRANT", "REVOKE":
		on := slices.IndexFunc(st.Tokens, func(t sqlscan.Token) bool { return t.Is("ON") })
		if on < 0 { // a role
			return skipped
		}
		if on+1 < len(st.Tokens) {
			switch t := st.Tokens[on+1]; {
			case t.Is("DATABASE"), t.Is("TABLESPACE"), t.Is("PARAMETER"):
				return skipped
			}
		}
	}
	return ""
}

// short is a statement in a few words.
func short(st sqlscan.Statement) string {
	const words = 8
	text, n := "", 0
	for _, t := range st.Tokens {
		if n++; n > words {
			return text + " …"
		}
		if text != "" && !t.IsPunct(",") && !t.IsPunct(")") && !t.IsPunct(".") && !t.IsPunct("(") && text[len(text)-1] != '.' && text[len(text)-1] != '(' {
			text += " "
		}
		if t.Kind == sqlscan.String && len(t.Text) > 20 {
			text += "'…'"
			continue
		}
		text += t.Text
	}
	return text
}

func statementControls(st sqlscan.Statement) bool { return st.ControlsTransaction() }
