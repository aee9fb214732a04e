package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// defaultPort is PostgreSQL's.
const defaultPort = 5432

// defaultTimeout bounds a connection attempt where nothing else is stated.
const defaultTimeout = "10" // seconds

// complaint says what is wrong with a value of the parameter, "" when nothing
// is. It reads after the name of whatever stated the value. Only with show set
// may it repeat the value: within a connection string it may be a piece of a
// password, standing in the wrong place.
func (k keyword) complaint(text string, show bool) string {
	switch {
	case k.use == useRefused:
		return fmt.Sprintf("sets %s, which is not supported: %s", k.name, k.why)
	case strings.ContainsRune(text, 0):
		return "holds a NUL byte in " + k.name
	case k.name == kwPassword || k.use == useNothing:
		return ""
	case text == "":
		return fmt.Sprintf("leaves %s empty", k.name)
	case strings.TrimSpace(text) != text && k.name != kwOptions:
		return fmt.Sprintf("has white space around the value of %s", k.name)
	}
	what := ""
	if show {
		what = " " + quoted(text)
	}
	switch k.name {
	case kwHost:
		return hostComplaint(text)
	case keyRehearseOn:
		return rehearsalPlaceComplaint(text)
	case kwPort:
		if _, ok := parsePort(text); !ok {
			return fmt.Sprintf("has a port%s that is not a number from 1 to 65535", what)
		}
	case kwTimeout:
		if n, err := strconv.ParseUint(text, 10, 32); err != nil || n > 86400 {
			return fmt.Sprintf("has a connect_timeout%s that is not a number of seconds from 0 to 86400", what)
		}
	case "require_auth":
		if !validAuthMethods(text) {
			return fmt.Sprintf("has a require_auth%s that is not a list of methods, all or none of them with \"!\"", what)
		}
	}
	if k.values != nil && !slices.Contains(k.values, text) {
		return fmt.Sprintf("has the unknown %s%s%s; it may be %s", k.name, what, didYouMean(text, k.values), strings.Join(k.values, ", "))
	}
	return ""
}

// validAuthMethods checks a value of require_auth, e.g. "scram-sha-256" or "!password,!none".
func validAuthMethods(text string) bool {
	methods := strings.Split(text, ",")
	for i, m := range methods {
		name, negated := strings.CutPrefix(m, "!")
		if !slices.Contains([]string{"password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"}, name) ||
			negated != strings.HasPrefix(methods[0], "!") || slices.Contains(methods[:i], m) {
			return false
		}
	}
	return true
}

func parsePort(text string) (port uint16, ok bool) {
	if strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n > 0
}

// hostNameRE leaves the length to longestHostName: a repetition counted up to hundreds
// takes milliseconds to compile, at every start of the program.
var hostNameRE = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// longestHostName is DNS' limit (RFC 1035).
const longestHostName = 253

// hostComplaint never repeats the host: what is not one may be a whole URL.
func hostComplaint(host string) string {
	switch {
	case strings.Contains(host, ","):
		return "names several hosts; name the one that is the primary"
	case strings.HasPrefix(host, "/"):
		return ""
	case strings.HasPrefix(host, "@"):
		return "names an abstract socket, which is not supported"
	case strings.Contains(host, "://"):
		return "has a URL as its host"
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	switch {
	case strings.Trim(host, "0123456789.") == "":
		return "has a host that is not a valid IPv4 address"
	case strings.Contains(host, ":"):
		return "has a host with a \":\" that is not an IPv6 address; the port stands apart"
	case len(host) > longestHostName || !hostNameRE.MatchString(host):
		return "has a host that is neither a name, an IP address nor the directory of a socket"
	}
	return ""
}

// isSocket reports whether host is the directory of a unix socket.
func isSocket(host string) bool { return strings.HasPrefix(host, "/") }

// isLocal reports whether host cannot be anywhere but on this machine.
func isLocal(host string) bool {
	if isSocket(host) {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost") // RFC 6761
}
