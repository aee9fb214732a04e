package pg

import "strings"

// flattenLogic turns ((a OR b) OR c) into (a OR b OR c), and the same of AND. In what
// the server writes every such expression stands in parentheses of its own.
func flattenLogic(sql string) string {
	if !strings.Contains(sql, ") OR ") && !strings.Contains(sql, ") AND ") {
		return sql
	}
	var b strings.Builder
	for i := 0; i < len(sql); {
		if end := groupEnd(sql, i); end > 0 {
			b.WriteString("(" + flattenGroup(flattenLogic(sql[i+1:end])) + ")")
			i = end + 1
			continue
		}
		next := pastQuoted(sql, i)
		b.WriteString(sql[i:next])
		i = next
	}
	return b.String()
}

// flattenGroup takes the operands of operands that are joined by the same word.
func flattenGroup(inner string) string {
	for _, word := range []string{" OR ", " AND "} {
		operands := operandsOf(inner, word)
		if len(operands) < 2 {
			continue
		}
		var flat []string
		for _, o := range operands {
			if nested := operandsOf(unwrapped(o), word); len(nested) > 1 {
				flat = append(flat, nested...)
				continue
			}
			flat = append(flat, o)
		}
		return strings.Join(flat, word)
	}
	return inner
}

// unwrapped is what stands in the parentheses that the whole operand is in, "" when it
// is not.
func unwrapped(operand string) string {
	if end := groupEnd(operand, 0); end > 0 && end == len(operand)-1 {
		return operand[1:end]
	}
	return ""
}

// operandsOf splits at a word that stands outside all parentheses and quotes.
func operandsOf(sql, word string) []string {
	var operands []string
	start := 0
	for i := 0; i < len(sql); {
		switch {
		case groupEnd(sql, i) > 0:
			i = groupEnd(sql, i) + 1
		case strings.HasPrefix(sql[i:], word):
			operands = append(operands, sql[start:i])
			i += len(word)
			start = i
		default:
			i = pastQuoted(sql, i)
		}
	}
	return append(operands, sql[start:])
}

// groupEnd is the place of the parenthesis that closes the one at i, -1 when there is
// none at i or it is never closed.
func groupEnd(sql string, i int) int {
	if i >= len(sql) || sql[i] != '(' {
		return -1
	}
	depth := 0
	for i < len(sql) {
		switch sql[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
		i = pastQuoted(sql, i)
	}
	return -1
}
