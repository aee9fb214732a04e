package rollback

import "strings"

// nameParts takes a qualified name as the server writes it apart: public."Odd.Name" is
// public and Odd.Name. The arguments of a function are left out.
func nameParts(name string) []string {
	var parts []string
	var part strings.Builder
	quoted := false
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '"' && quoted && i+1 < len(name) && name[i+1] == '"':
			part.WriteByte('"')
			i++
		case c == '"':
			quoted = !quoted
		case c == '.' && !quoted:
			parts = append(parts, part.String())
			part.Reset()
		case c == '(' && !quoted:
			return append(parts, part.String())
		default:
			part.WriteByte(c)
		}
	}
	return append(parts, part.String())
}

// bareName is the last part of a qualified name.
func bareName(name string) string {
	parts := nameParts(name)
	return parts[len(parts)-1]
}

// sameName reports whether the name is made of these parts.
func sameName(name string, parts ...string) bool {
	got := nameParts(name)
	if len(got) != len(parts) {
		return false
	}
	for i := range got {
		if got[i] != parts[i] {
			return false
		}
	}
	return true
}
