package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Target is a database and everything needed to reach it. Printed in whatever
// way, it shows no password.
type Target struct {
	// Host is a name, an IP address (IPv6 without brackets), or the directory
	// of a unix socket.
	Host string
	// Port is the port, also of a socket.
	Port uint16
	User string
	// Password is empty when the server asks for none.
	Password Secret
	Database string
	// SSLMode is one of libpq's: disable, allow, prefer, require, verify-ca, verify-full.
	SSLMode string
	// SSLRootCert, SSLCert and SSLKey are files; SSLRootCert may be "system".
	// Load fills them from ~/.postgresql where libpq would.
	SSLRootCert, SSLCert, SSLKey string
	// Params are the other parameters, by libpq's names: those that pgx and
	// libpq understand, and settings of the server's session. Nil when there are none.
	Params map[string]string
}

// ParseTarget reads a complete postgres:// URL or keyword/value string; no
// environment, file or home directory is consulted. Host, user and database
// must be given. The port defaults to 5432, the sslmode to "prefer" for a local
// host and to "require" for any other. The error is an *ops.Failure that
// repeats no part of the string.
func ParseTarget(url string) (Target, error) {
	const subject = "the connection string"
	var found problems
	info, complaints := parseConnInfo(url)
	for _, c := range complaints {
		found.add(useURL, "%s %s", subject, c)
	}
	for _, name := range []string{kwHost, kwUser, kwDatabase} {
		if len(complaints) == 0 && info.stated[name] == "" {
			found.add(useURL, "%s does not give the %s", subject, name)
		}
	}
	for _, name := range []string{kwService, kwServiceFile, kwPassFile} {
		if info.stated[name] != "" {
			found.add(useURL, "%s refers to a %s, which is not looked up here", subject, name)
		}
	}
	if err := found.failure(); err != nil {
		return Target{}, err
	}
	t := newTarget(info.stated)
	if t.SSLMode == "" {
		t.SSLMode = defaultSSLMode(t.Host)
	}
	return t, nil
}

const useURL = "write it as postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require"

// newTarget makes a Target of checked parameters, by libpq's names.
func newTarget(stated map[string]string) Target {
	t := Target{
		Host: stated[kwHost], Port: defaultPort, User: stated[kwUser], Password: Secret(stated[kwPassword]),
		Database: stated[kwDatabase], SSLMode: stated[kwSSLMode],
		SSLRootCert: stated[kwSSLRootCert], SSLCert: stated[kwSSLCert], SSLKey: stated[kwSSLKey],
	}
	if port, ok := parsePort(stated[kwPort]); ok {
		t.Port = port
	}
	for name, text := range stated {
		if u := keywordsByName[name].use; u == usePassed || u == useServer {
			if t.Params == nil {
				t.Params = make(map[string]string)
			}
			t.Params[name] = text
		}
	}
	return t
}

func defaultSSLMode(host string) string {
	if isLocal(host) {
		return "prefer"
	}
	return "require"
}

// Local reports whether the host is a loopback address or a unix socket.
func (t Target) Local() bool { return isLocal(t.Host) }

// WithDatabase returns the same target with another database.
func (t Target) WithDatabase(name string) Target {
	t.Database, t.Params = name, maps.Clone(t.Params)
	return t
}

// String returns the target as an operator recognises it:
// clipper@db.internal:5432/clipper_db.
func (t Target) String() string {
	host := percentEncode(t.Host, "/")
	if ip, err := netip.ParseAddr(t.Host); err == nil && ip.Is6() {
		host = "[" + t.Host + "]"
	}
	return fmt.Sprintf("%s@%s:%d/%s", percentEncode(t.User, ""), host, t.Port, percentEncode(t.Database, ""))
}

// GoString returns the redacted URL, so that %#v shows no password either.
func (t Target) GoString() string { return fmt.Sprintf("config.Target(%q)", t.RedactedURL()) }

// MarshalText returns the redacted URL; encoding/json uses it.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.RedactedURL()), nil }

// RedactedURL returns the target as a URL without the password and without the
// parameters that do not help to recognise it:
// postgres://clipper@db:5432/clipper_db?sslmode=require.
func (t Target) RedactedURL() string {
	return t.url("", []pair{{kwSSLMode, t.SSLMode}})
}

// URL returns the target as a URL, complete and with the password. It is safe
// to stand unquoted in an .env file or a shell.
func (t Target) URL() Secret {
	userInfo := ""
	if t.Password != "" {
		userInfo = ":" + percentEncode(t.Password.Reveal(), "")
	}
	query := []pair{{kwSSLMode, t.SSLMode}, {kwSSLRootCert, t.SSLRootCert}, {kwSSLCert, t.SSLCert}, {kwSSLKey, t.SSLKey}}
	for _, name := range slices.Sorted(maps.Keys(t.Params)) {
		query = append(query, pair{name, t.Params[name]})
	}
	return Secret(t.url(userInfo, query))
}

func (t Target) url(password string, query []pair) string {
	host := percentEncode(t.Host, "")
	if ip, err := netip.ParseAddr(t.Host); err == nil && ip.Is6() {
		host = "[" + percentEncode(t.Host, ":") + "]"
	}
	address := host + ":" + strconv.Itoa(int(t.Port))
	if isSocket(t.Host) {
		address = ""
		query = append([]pair{{kwHost, t.Host}, {kwPort, strconv.Itoa(int(t.Port))}}, query...)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "postgres://%s%s@%s/%s", percentEncode(t.User, ""), password, address, percentEncode(t.Database, ""))
	separator := "?"
	for _, p := range query {
		if p.text != "" {
			b.WriteString(separator + p.key + "=" + percentEncode(p.text, "/"))
			separator = "&"
		}
	}
	return b.String()
}
