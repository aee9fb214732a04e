package pg

import "strings"

// literal quotes a text for statements that take no parameters, such as CREATE
// DATABASE, whatever standard_conforming_strings says.
func literal(text string) string {
	return " E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}
