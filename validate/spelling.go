package validate

import (
	"regexp"
	"slices"
	"strings"
)

// aliases maps the spellings of types that PostgreSQL understands to the one it
// prints.
var aliases = map[string]string{
	"varchar": "character varying", "char": "character", "varbit": "bit varying",
	"int": "integer", "int4": "integer", "int2": "smallint", "int8": "bigint",
	"serial": "integer", "bigserial": "bigint", "smallserial": "smallint",
	"bool": "boolean", "decimal": "numeric", "float": "double precision", "float8": "double precision", "float4": "real",
	"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
	"time": "time without time zone", "timetz": "time with time zone",
}

// typeForm takes a type apart: name, modifier, what may follow it, dimensions.
var typeForm = regexp.MustCompile(`^([^(\[]+?)\s*(\([^)]*\))?(\s+(?:with|without) time zone)?\s*((?:\[\d*\])*)$`)

// spelledType is a type as format_type prints it.
func spelledType(t string) string {
	parts := typeForm.FindStringSubmatch(strings.ToLower(strings.TrimSpace(t)))
	if parts == nil {
		return t
	}
	name, modifier, zone, dimensions := parts[1], strings.ReplaceAll(parts[2], " ", ""), parts[3], parts[4]
	if long, known := aliases[name]; known && zone == "" {
		name = long
	}
	if base, rest, has := strings.Cut(name, " with"); has { // the modifier stands before the zone
		name, zone = base, " with"+rest
	}
	if dimensions != "" {
		dimensions = "[]" // the server keeps no number of dimensions
	}
	return name + modifier + zone + dimensions
}

var (
	quotedText = regexp.MustCompile(`'(?:[^']|'')*'`)
	cast       = regexp.MustCompile(`::\s*"?[a-zA-Z_][a-zA-Z0-9_]*"?(\s+varying|\s+precision)?(\([0-9, ]+\))?(\s+with(out)? time zone)?(\[\])*`)
	// A name in double quotes that needs none but for being a word of SQL.
	needless = regexp.MustCompile(`"([a-z_][a-z0-9_]*)"`)
	noise    = regexp.MustCompile(`[()\s]+`)
)

// essence reduces an expression to what two spellings of it have in common: the
// server adds casts and parentheses, and people differ in spaces and case.
// Quoted text stays as it is.
func essence(expression string) string {
	var texts []string
	bare := quotedText.ReplaceAllStringFunc(expression, func(text string) string {
		texts = append(texts, text)
		return "\x00"
	})
	bare = noise.ReplaceAllString(unquoted(cast.ReplaceAllString(bare, "")), "")
	for _, text := range texts {
		bare = strings.Replace(bare, "\x00", text, 1)
	}
	return bare
}

// unquoted takes the double quotes off simple names, and folds the case of all else.
func unquoted(s string) string {
	parts := strings.Split(needless.ReplaceAllString(s, "$1"), `"`)
	for i := 0; i < len(parts); i += 2 { // the odd ones stand in quotes
		parts[i] = strings.ToLower(parts[i])
	}
	return strings.Join(parts, `"`)
}

// literals lists the quoted texts of an expression, sorted, each once.
func literals(expression string) []string {
	var out []string
	for _, text := range quotedText.FindAllString(expression, -1) {
		out = append(out, strings.ReplaceAll(text[1:len(text)-1], "''", "'"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
