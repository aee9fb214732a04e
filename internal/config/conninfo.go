package config

import (
	"fmt"
	"regexp"
	"strings"
)

// pair is one parameter as it stands in a connection string, decoded.
type pair struct {
	key  string
	text string
}

// connInfo is what a connection string states, checked and by libpq's names.
type connInfo struct {
	stated  map[string]string
	notUsed []pair
}

// parseConnInfo reads a postgres:// URL or a keyword/value string. The
// complaints say what is wrong with it without quoting any part of it: where a
// string is malformed, any part may be a piece of the password.
func parseConnInfo(s string) (info connInfo, complaints []string) {
	pairs, complaint := splitConnString(s)
	if complaint != "" {
		return connInfo{}, []string{complaint}
	}
	info.stated = make(map[string]string, len(pairs))
	// A name may be repeated only where it cannot be a piece of the password.
	secretive := schemeRE.FindString(s) == "" || !strings.Contains(s, "@")
	for _, p := range pairs {
		secretive = secretive || p.key == kwPassword
	}
	for _, p := range pairs {
		if c := info.take(p, secretive); c != "" {
			complaints = append(complaints, c)
		}
	}
	return info, complaints
}

var schemeRE = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://`)

func splitConnString(s string) (pairs []pair, complaint string) {
	switch {
	case s == "":
		return nil, "is empty"
	case strings.ContainsRune(s, 0):
		return nil, "holds a NUL byte"
	case strings.TrimSpace(s) != s:
		return nil, "has white space at its beginning or end"
	}
	if rest, ok := strings.CutPrefix(s, "postgres://"); ok {
		return splitURL(rest)
	}
	if rest, ok := strings.CutPrefix(s, "postgresql://"); ok {
		return splitURL(rest)
	}
	if m := schemeRE.FindStringSubmatch(s); m != nil {
		return nil, fmt.Sprintf("has the scheme %s://; it must be postgres:// or postgresql://", m[1])
	}
	if !strings.Contains(s, "=") {
		return nil, "is neither a postgres:// URL nor a list of keyword=value"
	}
	return splitKeywordValue(s)
}

// take checks one parameter and files it. With secretive set, a name that is
// not known is not repeated: in "password=two words=x" it may be part of the
// password, and in "postgres://u:p?w=x" too.
func (info *connInfo) take(p pair, secretive bool) (complaint string) {
	if p.key == "ssl" && p.text == "true" { // libpq's alias for JDBC URLs
		p = pair{kwSSLMode, "require"}
	}
	k, known := findKeyword(p.key)
	if !known {
		name := ""
		if !secretive {
			name = " " + quoted(p.key)
		}
		return fmt.Sprintf("has an unknown parameter%s%s", name, didYouMean(p.key, keywordNames()))
	}
	if k.name == kwPassword && p.text == "" {
		return ""
	}
	if before, twice := info.stated[k.name]; twice && before != p.text {
		return fmt.Sprintf("gives %s twice, with different values", k.name)
	}
	if c := k.complaint(p.text, false); c != "" {
		return c
	}
	if k.use == useNothing {
		info.notUsed = append(info.notUsed, pair{k.name, p.text})
		return ""
	}
	info.stated[k.name] = p.text
	return ""
}

// splitKeywordValue splits "host=h password='p w'" by libpq's rules: white
// space around "=" is allowed, single quotes enclose, a backslash takes the
// next character literally.
func splitKeywordValue(s string) (pairs []pair, complaint string) {
	const space = " \t\n\r\v\f"
	for s = strings.TrimLeft(s, space); s != ""; s = strings.TrimLeft(s, space) {
		key, rest, found := strings.Cut(s, "=")
		key = strings.TrimRight(key, space)
		if !found || key == "" || strings.ContainsAny(key, space) {
			return nil, "has a word without \"=\"; a value with spaces needs single quotes"
		}
		text, rest, ok := cutValue(strings.TrimLeft(rest, space))
		if !ok {
			return nil, "has a quote that is not closed"
		}
		pairs = append(pairs, pair{key, text})
		s = rest
	}
	return pairs, ""
}

// cutValue takes the value at the start of s, quoted or up to white space, and
// returns it unescaped with what follows it.
func cutValue(s string) (text, rest string, ok bool) {
	inQuotes := strings.HasPrefix(s, "'")
	if inQuotes {
		s = s[1:]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '\\': // at the very end it escapes nothing and is dropped
		case inQuotes && c == '\'':
			return b.String(), s[i+1:], true
		case !inQuotes && strings.IndexByte(" \t\n\r\v\f", c) >= 0:
			return b.String(), s[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !inQuotes
}
