package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ConnString returns the target as a keyword/value string for pgx, every value
// quoted. It states whatever pgx would otherwise take from PG* variables, from
// a password file or from ~/.postgresql, as far as that can be stated: PGSERVICE,
// PGOPTIONS and PGTZ must not be in the environment of the process (see
// LibpqVariables). It holds the password.
func (t Target) ConnString() string {
	params := map[string]string{
		kwTimeout:              defaultTimeout,
		kwPassFile:             "",
		"application_name":     "clipperops",
		"client_encoding":      "UTF8", // what Go's strings and the files are in
		"target_session_attrs": "any",
		"channel_binding":      "prefer",
		"require_auth":         "",
		"sslnegotiation":       "",
		"sslcertmode":          "allow",
		"sslsni":               "1",
		"sslpassword":          "",
		"min_protocol_version": "",
		"max_protocol_version": "",
	}
	maps.Copy(params, t.Params)
	pairs := []pair{
		{kwHost, t.Host},
		{kwPort, strconv.Itoa(int(t.Port))},
		{kwUser, t.User},
		{kwPassword, t.Password.Reveal()},
		{kwDatabase, t.Database},
		{kwSSLMode, t.SSLMode},
		{kwSSLRootCert, t.SSLRootCert},
		{kwSSLCert, t.SSLCert},
		{kwSSLKey, t.SSLKey},
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		pairs = append(pairs, pair{name, params[name]})
	}
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.key + "='" + escape.Replace(p.text) + "'")
	}
	return b.String()
}

// Environ returns the target as the PG* variables of libpq, entries of the form
// KEY=value, for pg_dump and psql. They are to be added to an environment that
// holds none of LibpqVariables (see WithoutLibpq). They hold the password.
func (t Target) Environ() []string {
	environ := []string{
		"PGHOST=" + t.Host,
		"PGPORT=" + strconv.Itoa(int(t.Port)),
		"PGUSER=" + t.User,
		"PGDATABASE=" + t.Database,
	}
	for _, p := range []pair{
		{"PGPASSWORD", t.Password.Reveal()},
		{"PGSSLMODE", t.SSLMode},
		{"PGSSLROOTCERT", t.SSLRootCert},
		{"PGSSLCERT", t.SSLCert},
		{"PGSSLKEY", t.SSLKey},
	} {
		if p.text != "" {
			environ = append(environ, p.key+"="+p.text)
		}
	}
	if _, stated := t.Params[kwTimeout]; !stated {
		environ = append(environ, "PGCONNECT_TIMEOUT="+defaultTimeout)
	}
	var options []string
	for _, name := range slices.Sorted(maps.Keys(t.Params)) {
		text := t.Params[name]
		switch k := keywordsByName[name]; {
		case name == kwOptions:
			options = append([]string{text}, options...)
		case k.env != "":
			environ = append(environ, k.env+"="+text)
		default: // a setting of the server that libpq has no variable for
			options = append(options, "-c "+escapeOption(name+"="+text))
		}
	}
	if len(options) > 0 {
		environ = append(environ, "PGOPTIONS="+strings.Join(options, " "))
	}
	return environ
}

// escapeOption makes text one word of PGOPTIONS, in which a backslash takes the
// next character literally.
func escapeOption(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if strings.IndexByte("\\ \t\n\r\v\f", text[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
