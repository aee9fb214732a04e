package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Sources that are no place to go and look.
const (
	sourceDefault = "default"
	sourceNone    = "not set"
)

// systemRoots as sslrootcert means the certificates the system trusts.
const systemRoots = "system"

const setDatabase = "set DATABASE_URL=postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require, or DB_HOST, DB_USER, DB_PASSWORD and DB_NAME"

// resolveTarget fills what the sources leave to defaults and applies the rules
// of the environment.
func (l *loader) resolveTarget() {
	l.readPasswordFile()
	if l.brokenTarget {
		return // what follows from the broken source would only hide it
	}
	if missing := l.missing(); len(missing) > 0 {
		var none problems
		text := "no database is configured"
		if len(missing) < 3 {
			text = "the database is not complete: " + strings.Join(missing, " and ") + " missing"
		}
		none.add(setDatabase, "%s", text)
		l.config.TargetErr = none.failure()
		return
	}
	l.fill(kwPort, strconv.Itoa(defaultPort), sourceDefault)
	l.fill(kwUser, l.src.Username, "default (operating system user)")
	if l.text(kwUser) == "" {
		l.problems.add("set DB_USER", "the database user is missing")
	}
	if _, stated := l.settled[kwPassword]; !stated {
		v, found := l.passwordFromFile(l.text(kwHost), l.text(kwPort), l.text(kwDatabase), l.text(kwUser))
		if found {
			l.settled[kwPassword] = v
		}
	}
	l.resolveTransport()
	l.fill(kwTimeout, defaultTimeout, sourceDefault)
	stated := make(map[string]string, len(l.settled))
	for key, v := range l.settled {
		stated[key] = v.text
	}
	l.config.Target = newTarget(stated)
	l.config.TargetErr = l.password.failure()
}

// missing names what nothing states, of the three that say which database is
// meant. The user alone may be left to the default.
func (l *loader) missing() []string {
	var missing []string
	for _, each := range []struct{ key, name string }{{kwHost, "the host is"}, {kwDatabase, "the database name is"}} {
		if _, ok := l.settled[each.key]; !ok {
			missing = append(missing, each.name)
		}
	}
	_, user := l.settled[kwUser]
	if len(missing) == 2 && !user {
		missing = append(missing, "the user is")
	}
	return missing
}

func (l *loader) text(key string) string { return l.settled[key].text }

func (l *loader) fill(key, text, source string) {
	if _, stated := l.settled[key]; !stated && text != "" {
		l.settled[key] = value{text: text, source: source, name: source}
	}
}

// resolveTransport settles how the connection is protected.
func (l *loader) resolveTransport() {
	host, production := l.text(kwHost), l.config.Environment == Production
	mode, explicit := l.settled[kwSSLMode]
	system := l.text(kwSSLRootCert) == systemRoots
	switch {
	case explicit && mode.complaint != "":
		return
	case explicit && system && mode.text != "verify-full":
		l.problems.add("set sslmode to verify-full", "%s says sslmode %s, but sslrootcert=system needs verify-full", mode.name, mode.text)
	case !explicit && system: // libpq's rule
		l.fill(kwSSLMode, "verify-full", "implied by sslrootcert=system")
	case !explicit && production:
		l.problems.add("set DB_SSLMODE, or add ?sslmode=… to DATABASE_URL: verify-full, verify-ca or require",
			"production needs an explicit sslmode for %s", host)
	case !explicit:
		l.fill(kwSSLMode, defaultSSLMode(host), sourceDefault)
	case isLocal(host):
	case slices.Contains([]string{"disable", "allow", "prefer"}, mode.text) && production:
		l.problems.add("set sslmode to verify-full, verify-ca or require",
			"%s says sslmode %s, which may leave the connection to %s unencrypted; production does not allow it", mode.name, mode.text, host)
	case mode.text == "disable" || mode.text == "allow" || mode.text == "prefer":
		l.warn(fmt.Sprintf("sslmode %s (%s) may leave the connection to %s unencrypted", mode.text, mode.source, host))
	}
	l.resolveCertificates()
}

// resolveCertificates settles the files of a protected connection and looks
// whether they are there. A socket has none.
func (l *loader) resolveCertificates() {
	if isSocket(l.text(kwHost)) {
		return
	}
	if mode := l.text(kwSSLMode); mode != "disable" && mode != "" {
		l.fillCertificates(mode)
	}
	for _, name := range []string{kwSSLRootCert, kwSSLCert, kwSSLKey} {
		v, ok := l.settled[name]
		if ok && v.complaint == "" && v.text != systemRoots && !exists(v.text) {
			l.problems.add("correct "+v.name, "%s gives an %s that is not there: %s", v.name, name, v.text)
		}
	}
}

// fillCertificates takes what is not stated from ~/.postgresql as libpq does,
// so that pgx and the client programs use the same files.
func (l *loader) fillCertificates(mode string) {
	l.fillFromHome(kwSSLRootCert, "root.crt")
	_, cert := l.settled[kwSSLCert]
	_, key := l.settled[kwSSLKey]
	if !cert && !key && l.inHome("postgresql.crt") && l.inHome("postgresql.key") {
		l.fillFromHome(kwSSLCert, "postgresql.crt")
		l.fillFromHome(kwSSLKey, "postgresql.key")
	} else if cert != key {
		l.problems.add("set both sslcert and sslkey, or neither", "sslcert and sslkey belong together, but only one of them is set")
	}
	if l.text(kwSSLRootCert) != "" {
		return
	}
	switch mode {
	case "verify-full":
		l.fill(kwSSLRootCert, systemRoots, sourceDefault)
	case "verify-ca":
		l.problems.add("set DB_SSLROOTCERT, or put the certificate into ~/.postgresql/root.crt",
			"sslmode verify-ca needs sslrootcert, the certificate of the authority to trust")
	}
}

func (l *loader) inHome(name string) bool {
	return l.src.Home != "" && exists(filepath.Join(l.src.Home, ".postgresql", name))
}

func (l *loader) fillFromHome(key, name string) {
	if l.inHome(name) {
		l.fill(key, filepath.Join(l.src.Home, ".postgresql", name), "default (~/.postgresql/"+name+")")
	}
}

// resolvePlaces settles the directories and files that are not the database's.
func (l *loader) resolvePlaces() {
	l.fill(keyBackupDir, "/var/backups/clipper", sourceDefault)
	reports := filepath.Join("clipperops", "reports")
	switch state := l.environ["XDG_STATE_HOME"]; {
	case filepath.IsAbs(state): // the specification has relative ones ignored
		l.fill(keyReportDir, filepath.Join(state, reports), "default ($XDG_STATE_HOME)")
	case l.src.Home != "":
		l.fill(keyReportDir, filepath.Join(l.src.Home, ".local", "state", reports), sourceDefault)
	default:
		l.fill(keyReportDir, filepath.Join(l.text(keyBackupDir), "reports"), "default (there is no home directory)")
	}
	l.config.BackupDir, l.config.ReportDir = l.text(keyBackupDir), l.text(keyReportDir)
	l.config.MigrationsPath, l.config.ReleaseFile = l.text(keyMigrations), l.text(keyRelease)
	l.config.PgPrograms = l.text(keyPgPrograms)
}
