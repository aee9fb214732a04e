package config

import (
	"strings"
)

// splitURL splits what follows "postgres://". It is stricter than libpq where
// libpq would guess: an "@", "/" or "?" that is not percent-encoded in a
// password is refused unless it can only be read in one way, because the wrong
// reading would take a piece of the password for a host or a database and show it.
func splitURL(s string) (pairs []pair, complaint string) {
	const encode = "; in a password write @ as %40, / as %2F, ? as %3F, % as %25"
	rest, query, _ := strings.Cut(s, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.ContainsAny(path, "@/") || strings.Contains(query, "@") {
		return nil, "is ambiguous: it has an @ or / where none may stand" + encode
	}
	user, password, hostport := cutUserInfo(authority)
	host, port, complaint := cutHostPort(hostport)
	if complaint != "" {
		return nil, complaint + encode
	}
	for _, p := range []pair{{kwUser, user}, {kwPassword, password}, {kwHost, host}, {kwPort, port}, {kwDatabase, path}} {
		if p.text == "" {
			continue
		}
		text, ok := percentDecode(p.text)
		if !ok {
			return nil, "has a % that two hexadecimal digits do not follow; write % itself as %25"
		}
		pairs = append(pairs, pair{p.key, text})
	}
	more, complaint := splitQuery(query)
	return append(pairs, more...), complaint
}

// cutUserInfo splits "user:password@host:port" at the last "@": no host holds one.
func cutUserInfo(authority string) (user, password, hostport string) {
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return "", "", authority
	}
	user, password, _ = strings.Cut(authority[:at], ":")
	return user, password, authority[at+1:]
}

func cutHostPort(s string) (host, port, complaint string) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, after, closed := strings.Cut(inner, "]")
		port, isPort := strings.CutPrefix(after, ":")
		if !closed || host == "" || after != "" && !isPort {
			return "", "", "has an IPv6 address that is not of the form [address]:port"
		}
		return host, port, ""
	}
	host, port, _ = strings.Cut(s, ":")
	if strings.Contains(port, ":") {
		return "", "", "has more than one : after the user; an IPv6 address stands in [ ]"
	}
	return host, port, ""
}

func splitQuery(query string) (pairs []pair, complaint string) {
	if query == "" {
		return nil, ""
	}
	for part := range strings.SplitSeq(query, "&") {
		rawKey, rawText, found := strings.Cut(part, "=")
		if !found || strings.Contains(rawText, "=") {
			return nil, "has a parameter that is not name=value; write = as %3D and & as %26 in a value"
		}
		key, okKey := percentDecode(rawKey)
		text, okText := percentDecode(rawText)
		if !okKey || !okText {
			return nil, "has a % that two hexadecimal digits do not follow; write % itself as %25"
		}
		pairs = append(pairs, pair{key, text})
	}
	return pairs, ""
}

func percentDecode(s string) (decoded string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		high, low := strings.IndexByte(hexDigits, upper(s[i+1])), strings.IndexByte(hexDigits, upper(s[i+2]))
		if high < 0 || low < 0 {
			return "", false
		}
		b.WriteByte(byte(high<<4 | low))
		i += 2
	}
	return b.String(), true
}

const hexDigits = "0123456789ABCDEF"

func upper(c byte) byte {
	if 'a' <= c && c <= 'f' {
		return c - 'a' + 'A'
	}
	return c
}

// percentEncode encodes everything but the characters that mean nothing
// anywhere in a URL, in a shell or in an .env file, and those in keep.
func percentEncode(s, keep string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-._~", c) >= 0 || strings.IndexByte(keep, c) >= 0
		if plain {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}
