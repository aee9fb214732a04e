package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// variables are what clipperops reads from the environment and from .env, with
// the keyword each one states.
var variables = []struct{ name, states string }{
	{"DB_HOST", kwHost},
	{"DB_PORT", kwPort},
	{"DB_USER", kwUser},
	{"DB_PASSWORD", kwPassword},
	{"DB_NAME", kwDatabase},
	{"DB_SSLMODE", kwSSLMode},
	{"DB_SSLROOTCERT", kwSSLRootCert},
	{"DB_SSLCERT", kwSSLCert},
	{"DB_SSLKEY", kwSSLKey},
	{"BACKUP_DIR", keyBackupDir},
	{"REPORT_DIR", keyReportDir},
	{"PG_PROGRAMS", keyPgPrograms},
	{"REHEARSE_ON", keyRehearseOn},
}

const urlVariable = "DATABASE_URL"

// lookalikes are names that other tools give to our variables.
var lookalikes = map[string]string{
	"DATABASE_URI": urlVariable, "DB_URL": urlVariable, "DB_URI": urlVariable, "POSTGRES_URL": urlVariable,
	"DB_HOSTNAME": "DB_HOST", "DB_USERNAME": "DB_USER", "DB_PASS": "DB_PASSWORD", "DB_PWD": "DB_PASSWORD",
	"DB_DATABASE": "DB_NAME", "DB_DBNAME": "DB_NAME", "DB_SSL_MODE": "DB_SSLMODE", "DB_SSL": "DB_SSLMODE",
}

// keywordOf returns the parameter of that name; a key that is none is checked
// as a path is.
func keywordOf(name string) keyword {
	if k, ok := keywordsByName[name]; ok {
		return k
	}
	if k, ok := rehearsalKeywords[name]; ok {
		return k
	}
	if k, ok := rolloutKeywords[name]; ok {
		return k
	}
	return keyword{name: name}
}

func (l *loader) flagLevel() level {
	lv := newLevel()
	f := l.src.Flags
	for _, flag := range []struct{ name, text, states string }{
		{"--path", f.Path, keyMigrations},
		{"--release", f.Release, keyRelease},
		{"--backup-dir", f.BackupDir, keyBackupDir},
		{"--report-dir", f.ReportDir, keyReportDir},
	} {
		if flag.text != "" {
			source := "flag " + flag.name
			lv.put(keywordOf(flag.states), value{text: l.absolute(flag.states, flag.text, l.src.Dir), source: source, name: source})
		}
	}
	if f.Rehearse != "" {
		const source = "flag --rehearse"
		lv.put(keywordOf(keyRehearseMode), value{text: f.Rehearse, source: source, name: source})
	}
	if f.RehearseOn != "" {
		const source = "flag --rehearse-on"
		v := value{text: f.RehearseOn, source: source, name: source}
		if holdsPassword(v.text) {
			v.warning = "the password in --rehearse-on can be seen by every user of this machine, in ps, and stays in the shell's history; set REHEARSE_ON, or rehearse.on and rehearse.password_file in clipperops.yaml"
		}
		lv.put(keywordOf(keyRehearseOn), v)
	}
	if f.DatabaseURL != "" {
		const source = "flag --database-url"
		l.putConnString(&lv, value{
			text: f.DatabaseURL, source: source, name: source,
			warning: "the password in --database-url can be seen by every user of this machine, in ps, and stays in the shell's history; set DATABASE_URL or DB_PASSWORD instead",
		}, l.src.Dir)
	}
	return lv
}

func (l *loader) environmentLevel() level {
	return l.variableLevel(slices.Sorted(maps.Keys(l.environ)), func(name string) (value, bool) {
		text, ok := l.environ[name]
		source := "environment " + name
		return value{text: text, source: source, name: source}, ok
	})
}

func (l *loader) dotenvLevel() level {
	return l.variableLevel(slices.Sorted(maps.Keys(l.dotenv.vars)), l.fromDotenv)
}

func (l *loader) fromDotenv(name string) (value, bool) {
	found, ok := l.dotenv.vars[name]
	source := fmt.Sprintf("%s %s (line %d)", l.dotenv.label, name, found.line)
	v := value{text: found.text, source: source, name: source}
	if found.again > 0 {
		v.complaint = fmt.Sprintf("stands again in line %d, with another value", found.again)
	}
	if found.lossy {
		v.warning = source + " has a $ that is taken for a variable the file does not define; put the value in single quotes"
	}
	secret := name == "DB_PASSWORD" || name == urlVariable || name == "PGPASSWORD" || name == "REHEARSE_ON" && holdsPassword(found.text)
	if secret && l.config.Environment == Production && worldReadable(l.dotenv.mode) {
		v.warning = joinSentences(v.warning, l.dotenv.label+" holds a password and can be read by every user; chmod 600 "+l.dotenv.label)
	}
	return v, ok
}

// variableLevel reads the variables of one place.
func (l *loader) variableLevel(names []string, lookup func(string) (value, bool)) level {
	lv := newLevel()
	for _, each := range variables {
		v, ok := lookup(each.name)
		if !ok || each.states == kwPassword && v.text == "" {
			continue
		}
		v.text = l.absolute(each.states, v.text, l.src.Dir)
		lv.put(keywordOf(each.states), v)
	}
	if v, ok := lookup(urlVariable); ok {
		l.putConnString(&lv, v, l.src.Dir)
	}
	l.warnOfLookalikes(names, lookup)
	return lv
}

// warnOfLookalikes names variables that were probably meant for us.
func (l *loader) warnOfLookalikes(names []string, lookup func(string) (value, bool)) {
	if _, stated := lookup(urlVariable); stated || l.src.Flags.DatabaseURL != "" {
		return // the database is given; the others are somebody else's
	}
	ours := []string{urlVariable}
	for _, v := range variables {
		ours = append(ours, v.name)
	}
	for _, name := range names {
		meant, alike := lookalikes[name]
		if !alike && strings.HasPrefix(name, "DB_") && !slices.Contains(ours, name) {
			meant = nearest(name, ours)
		}
		if meant == "" {
			continue
		}
		if _, stated := lookup(meant); !stated {
			v, _ := lookup(name)
			l.warn(fmt.Sprintf("%s is not read; did you mean %s?", v.name, meant))
		}
	}
}

// yamlLevel reads the section of the environment.
func (l *loader) yamlLevel() level {
	lv := newLevel()
	prefix := "environments." + string(l.config.Environment) + "."
	names := map[string]string{"name": kwDatabase}
	for _, path := range slices.Sorted(maps.Keys(l.yaml.values)) {
		key, ours := strings.CutPrefix(path, prefix)
		if !ours {
			continue
		}
		stated := l.yaml.values[path]
		v := value{
			text:   stated.text,
			source: fmt.Sprintf("%s (line %d)", l.yaml.label, stated.line),
			name:   fmt.Sprintf("%s %s (line %d)", l.yaml.label, key, stated.line),
		}
		if worldReadable(l.yaml.mode) {
			v.warning = fmt.Sprintf("%s holds a password and can be read by every user; use password_file, or chmod 600 %s", l.yaml.label, l.yaml.label)
		}
		name, inDatabase := strings.CutPrefix(key, "database.")
		if renamed, ok := names[name]; ok && inDatabase {
			name = renamed
		}
		l.putYAML(&lv, name, v)
	}
	return lv
}

func (l *loader) putYAML(lv *level, name string, v value) {
	switch name {
	case "url":
		l.putConnString(lv, v, l.yaml.dir)
		return
	case keyPasswordFile:
		v.file, v.warning = true, ""
		v.source = strings.Replace(v.source, " (", " "+keyPasswordFile+" (", 1)
		v.text = l.absolute(keyPasswordFile, v.text, l.yaml.dir)
		if v.text == "" {
			v.complaint = "is empty"
		}
		name = kwPassword
	case kwPassword:
		if v.text == "" {
			return
		}
	case keyRehearseOn:
		if !holdsPassword(v.text) {
			v.warning = ""
		}
	default:
		v.warning = ""
		v.text = l.absolute(name, v.text, l.yaml.dir)
	}
	lv.put(keywordOf(name), v)
}
