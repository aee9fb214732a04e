package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// section describes what may stand at one place of clipperops.yaml: nil is a
// single value, several is one or a list of them, otherwise the keys of a mapping.
// A new setting is a new entry.
type section map[string]section

var several = section{}

var yamlSchema = section{"environments": sectionPerEnvironment()}

func sectionPerEnvironment() section {
	all := make(section, len(environmentNames))
	for _, name := range environmentNames {
		all[name] = section{
			"database": {
				"url": nil, "host": nil, "port": nil, "user": nil, "password": nil, "password_file": nil,
				"name": nil, "sslmode": nil, "sslrootcert": nil, "sslcert": nil, "sslkey": nil,
			},
			"backup_dir":  nil,
			"report_dir":  nil,
			"migrations":  nil,
			"release":     nil,
			"pg_programs": nil,
			"rehearse":    {"mode": nil, "on": nil, "password_file": nil, "allow_off": nil},
			"rollout":     {"store": nil, "file": nil, "apply": nil, "instances": several},
			"metrics": {
				"url": nil, "user": nil, "password_file": nil, "token_file": nil, "tenant": nil,
				"ca_file": nil, "cert_file": nil, "key_file": nil, "targets": several, "dir": nil,
			},
			"notify": {
				"slack_file": nil, "webhook_file": nil, "webhook_token_file": nil,
				"mail_host": nil, "mail_port": nil, "mail_user": nil, "mail_password_file": nil, "mail_from": nil, "mail_to": several, "mail_tls": nil,
				"grafana": nil, "grafana_token_file": nil,
			},
		}
	}
	return all
}

// yamlFile is clipperops.yaml, flattened: the key of values is a path such as
// "environments.staging.database.host".
type yamlFile struct {
	label  string
	dir    string
	mode   fs.FileMode
	values map[string]yamlValue
}

type yamlValue struct {
	text string
	line int
}

// parseYAML reads the body of clipperops.yaml. The complaints begin with line
// and column and repeat no value.
func parseYAML(body []byte) (values map[string]yamlValue, complaints []string) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if line := badByte(body); line > 0 {
		return nil, []string{fmt.Sprintf("line %d is not UTF-8 text", line)}
	}
	file, complaint := parseAST(body)
	if complaint != "" {
		return nil, []string{complaint}
	}
	w := yamlWalk{values: make(map[string]yamlValue)}
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			w.complain(doc.Body, "begins a second document; one is read")
		default:
			w.visit(doc.Body, yamlSchema, "")
		}
	}
	return w.values, w.complaints
}

// parseAST parses. The parser's own messages quote the lines around an error,
// passwords included; only its position and the fixed part of its text are used.
func parseAST(body []byte) (file *ast.File, complaint string) {
	defer func() {
		if recover() != nil { // a parser's bug must not become the operator's stack trace
			file, complaint = nil, "is not valid YAML"
		}
	}()
	file, err := parser.ParseBytes(body, 0)
	if err == nil {
		return file, ""
	}
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		return nil, "is not valid YAML"
	}
	message, _, _ := strings.Cut(syntax.GetMessage(), `"`)
	message = strings.TrimRight(message, " :") + "; a value with special characters needs single quotes"
	if strings.HasPrefix(message, "mapping key") {
		message = "this key stands twice"
	}
	pos := syntax.GetToken().Position
	return nil, fmt.Sprintf("line %d, column %d: %s", pos.Line, pos.Column, message)
}

// yamlWalk collects values and complaints while it follows the schema.
type yamlWalk struct {
	values     map[string]yamlValue
	complaints []string
}

func (w *yamlWalk) complain(n ast.Node, format string, args ...any) {
	where := ""
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		where = fmt.Sprintf("line %d, column %d: ", tk.Position.Line, tk.Position.Column)
	}
	w.complaints = append(w.complaints, where+fmt.Sprintf(format, args...))
}

func (w *yamlWalk) visit(n ast.Node, s section, path string) {
	switch {
	case s == nil:
		w.scalar(n, path)
		return
	case len(s) == 0:
		w.several(n, path)
		return
	}
	if n.Type() == ast.NullType { // a heading with nothing under it
		return
	}
	mapping, ok := n.(ast.MapNode)
	switch {
	case n.Type() == ast.AliasType || n.Type() == ast.AnchorType:
		w.complain(n, "%s uses an anchor or alias, which is not supported", pathOrFile(path))
		return
	case !ok:
		w.complain(n, "%s must be a mapping of keys to values", pathOrFile(path))
		return
	}
	for iter := mapping.MapRange(); iter.Next(); {
		key := iter.Key()
		if key.Type() != ast.StringType {
			w.complain(key, "%s has a key that is not plain text", pathOrFile(path))
			continue
		}
		name := key.(*ast.StringNode).Value
		below, known := s[name]
		if !known {
			keys := slices.Sorted(maps.Keys(s))
			hint := didYouMean(name, keys)
			if hint == "" {
				hint = "; known are " + strings.Join(keys, ", ")
			}
			w.complain(key, "unknown %s %s%s", kindOfKey(path), quoted(name), hint)
			continue
		}
		w.visit(iter.Value(), below, strings.TrimPrefix(path+"."+name, "."))
	}
}

// several reads one value, or a list, whose values are kept as one with spaces between:
// so they are read wherever else they are stated, and shown.
func (w *yamlWalk) several(n ast.Node, path string) {
	switch list := n.(type) {
	case ast.MapNode:
		w.complain(n, "%s must be a value or a list of them", path)
	case *ast.SequenceNode:
		if len(list.Values) == 0 {
			w.complain(n, "%s has no value", path)
			return
		}
		complaints := len(w.complaints)
		var texts []string
		for i, each := range list.Values {
			texts = append(texts, w.oneOf(each, fmt.Sprintf("%s[%d]", path, i)))
		}
		if len(w.complaints) == complaints {
			w.keep(list.Values[0], path, strings.Join(texts, " "))
		}
	default:
		w.scalar(n, path)
	}
}

// oneOf is the text of a list's value.
func (w *yamlWalk) oneOf(n ast.Node, at string) string {
	if _, mapping := n.(ast.MapNode); mapping { // within braces the parser takes http://h:1 for one
		w.complain(n, "%s must be a single value; put it in quotes", at)
		return ""
	}
	w.scalar(n, at)
	one, read := w.values[at]
	delete(w.values, at)
	text := strings.TrimSpace(one.text)
	if read && text == "" {
		w.complain(n, "%s has no value", at)
	}
	return text
}

func (w *yamlWalk) scalar(n ast.Node, path string) {
	switch n := n.(type) {
	case *ast.NullNode:
		w.complain(n, "%s has no value", pathOrFile(path))
	case *ast.StringNode:
		w.keep(n, path, n.Value)
	case *ast.LiteralNode:
		w.keep(n, path, n.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		w.keep(n, path, n.GetToken().Value) // as written: 0123 may be a password
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode:
		w.complain(n, "%s begins with a character that YAML gives a meaning; put it in single quotes", pathOrFile(path))
	default:
		w.complain(n, "%s must be a single value", pathOrFile(path))
	}
}

func (w *yamlWalk) keep(n ast.Node, path, text string) {
	w.values[path] = yamlValue{text: text, line: n.GetToken().Position.Line}
}

func pathOrFile(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func kindOfKey(path string) string {
	if path == "environments" {
		return "environment"
	}
	return "key"
}
