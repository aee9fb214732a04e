package pg

import "strings"

// canonical is a definition in the one form that a dump and a restore leave it in.
//
// The server writes the expression x = ANY (…) over a varchar column as a cast of the
// whole array, (ARRAY['a'::character varying])::text[]. It reads this back as a cast of
// every element, and from then on writes ARRAY[('a'::character varying)::text]: the same
// constraint, made by a file or restored from a dump, would never equal itself. Source:
// transformArrayExpr in parse_expr.c, which hands a cast down to the elements. In the
// same way ((a OR b) OR c) is read back as (a OR b OR c): makeOrExpr in gram.y.
//
// The text of a routine is what its author wrote, and is left alone.
func canonical(kind Kind, definition string) string {
	switch kind {
	case KindFunction, KindProcedure, KindAggregate, KindComment:
		return definition
	}
	return flattenLogic(castElements(definition))
}

const castArray = "(ARRAY["

// castElements turns every (ARRAY[a, b])::t[] into ARRAY[(a)::t, (b)::t].
func castElements(sql string) string {
	if !strings.Contains(sql, castArray) {
		return sql
	}
	var b strings.Builder
	for i := 0; i < len(sql); {
		if array, next, ok := arrayAt(sql, i); ok {
			b.WriteString(array)
			i = next
			continue
		}
		next := pastQuoted(sql, i)
		b.WriteString(sql[i:next])
		i = next
	}
	return b.String()
}

// arrayAt rewrites the cast of an array that begins at i; next is behind it.
func arrayAt(sql string, i int) (array string, next int, ok bool) {
	if !strings.HasPrefix(sql[i:], castArray) {
		return "", 0, false
	}
	elements, end, ok := listAt(sql, i+len(castArray))
	if !ok || !strings.HasPrefix(sql[end:], "])::") {
		return "", 0, false
	}
	from := end + len("])::")
	length := typeLength(sql[from:])
	if length == 0 || !strings.HasPrefix(sql[from+length:], "[]") {
		return "", 0, false
	}
	to := sql[from : from+length]
	for n, e := range elements {
		elements[n] = "(" + castElements(e) + ")::" + to
	}
	return "ARRAY[" + strings.Join(elements, ", ") + "]", from + length + len("[]"), true
}

// listAt splits what stands from i to the closing bracket at its commas; end is the
// place of the bracket.
func listAt(sql string, i int) (elements []string, end int, ok bool) {
	start, depth := i, 0
	for i < len(sql) {
		switch c := sql[i]; {
		case c == ']' && depth == 0:
			return append(elements, strings.TrimSpace(sql[start:i])), i, true
		case c == ',' && depth == 0:
			elements = append(elements, strings.TrimSpace(sql[start:i]))
			start = i + 1
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		}
		i = pastQuoted(sql, i)
	}
	return nil, 0, false
}

// pastQuoted is behind the quoted text that begins at i, or behind the byte there.
func pastQuoted(sql string, i int) int {
	quote := sql[i]
	if quote != '\'' && quote != '"' {
		return i + 1
	}
	escapes := quote == '\'' && i > 0 && sql[i-1] == 'E'
	for j := i + 1; j < len(sql); j++ {
		switch {
		case escapes && sql[j] == '\\':
			j++
		case sql[j] == quote && j+1 < len(sql) && sql[j+1] == quote:
			j++
		case sql[j] == quote:
			return j + 1
		}
	}
	return len(sql)
}

// typeLength is how long the name of a type is as format_type writes it: quoted and
// qualified names, words, a modifier in parentheses.
func typeLength(sql string) int {
	i := 0
	for i < len(sql) && sql[i] != '[' {
		c := sql[i]
		switch {
		case c == '"':
			i = pastQuoted(sql, i)
			continue
		case c == '(':
			end := strings.IndexByte(sql[i:], ')')
			if end < 0 {
				return 0
			}
			i += end
		case c == '_' || c == '.' || c == ' ' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
		default:
			return 0
		}
		i++
	}
	return i
}
