package release

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/goccy/go-yaml/ast"
)

var (
	releaseType  = reflect.TypeFor[Release]()
	durationType = reflect.TypeFor[time.Duration]()
)

// walk compares the tree of the file with the Go type it is to become. The YAML
// library would stop at the first unknown key of an arbitrary mapping; this
// names all of them, and notes where every key stands.
func (f *file) walk(node ast.Node, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return // the key is there without a value; whether it may be is judged later
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		f.problem(path, "anchors, aliases and tags are not part of the format")
		return
	case *ast.MappingNode:
		f.walkMapping(n.Values, t, path)
		return
	case *ast.MappingValueNode:
		f.walkMapping([]*ast.MappingValueNode{n}, t, path)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		f.problem(path, "must be a mapping")
	case reflect.Slice:
		f.walkSequence(node, t, path)
	default:
		f.scalar(node, t, path)
	}
}

func (f *file) walkMapping(values []*ast.MappingValueNode, t reflect.Type, path string) {
	if t.Kind() != reflect.Struct {
		f.problem(path, "must be %s, not a mapping", described(t))
		return
	}
	fields := keysOf(t)
	seen := map[string]bool{}
	for _, v := range values {
		key, ok := keyOf(v)
		here := strings.TrimPrefix(path+"."+key, ".")
		f.note(here, v.Key)
		field, known := fields[key]
		switch {
		case !ok:
			f.problem(here, "a key must be a plain word")
		case !known:
			f.problem(here, "unknown key%s", suggestion(key, fields))
		case seen[key]:
			f.problem(here, "the key stands twice")
		default:
			f.walk(v.Value, field, here)
		}
		seen[key] = true
	}
}

func (f *file) walkSequence(node ast.Node, t reflect.Type, path string) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		f.problem(path, "must be a list")
		return
	}
	for i, value := range sequence.Values {
		here := fmt.Sprintf("%s[%d]", path, i)
		f.note(here, value)
		if _, null := value.(*ast.NullNode); null || value == nil {
			f.problem(here, "is empty")
			continue
		}
		f.walk(value, t.Elem(), here)
	}
}

// scalar refuses values that would not become what the key wants.
func (f *file) scalar(node ast.Node, t reflect.Type, path string) {
	fits := false
	switch node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		fits = t.Kind() == reflect.String || t == durationType
	case *ast.IntegerNode:
		fits = t != durationType && t.Kind() != reflect.Bool
	case *ast.BoolNode:
		fits = t.Kind() == reflect.Bool
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		fits = t.Kind() == reflect.String
	}
	if !fits {
		f.problem(path, "must be %s", described(t))
	}
}

// note remembers where a key, or an entry of a list, stands.
func (f *file) note(path string, node ast.Node) {
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return
	}
	at := node.GetToken().Position
	if mapping, ok := node.(*ast.MappingNode); ok && len(mapping.Values) > 0 && !mapping.IsFlowStyle {
		at = mapping.Values[0].Key.GetToken().Position // its own token is the first colon
	}
	f.at[path] = position{at.Line, at.Column}
}

func keyOf(v *ast.MappingValueNode) (string, bool) {
	if s, ok := v.Key.(*ast.StringNode); ok {
		return s.Value, true
	}
	return v.Key.String(), false
}

// keysOf maps the keys of a mapping to the types of their values.
func keysOf(t reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for field := range t.Fields() {
		keys[field.Tag.Get("yaml")] = field.Type
	}
	return keys
}

// described says in the words of the file what a value must be.
func described(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration such as 5m"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	default:
		return "a whole number"
	}
}

// suggestion names the known key that is closest to an unknown one, if any is close.
func suggestion(key string, known map[string]reflect.Type) string {
	var names []string
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	best, distance := "", len(key)/3+2
	for _, name := range names {
		if d := levenshtein.Distance(key, name, nil); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return "; known here are " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("; did you mean %q?", best)
}
