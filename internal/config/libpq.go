package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgpassfile"
	"github.com/jackc/pgservicefile"
)

// libpqVariable returns a PG* variable of the process environment, else of the
// .env file. As with libpq, an empty one counts as not set.
func (l *loader) libpqVariable(name string) (value, bool) {
	if text := l.environ[name]; text != "" {
		return value{text: text, source: name, name: name}, true
	}
	v, ok := l.fromDotenv(name)
	return v, ok && v.text != ""
}

// libpqLevel reads the PG* variables.
func (l *loader) libpqLevel() level {
	lv := newLevel()
	for _, k := range keywords {
		if k.env == "" {
			continue
		}
		v, ok := l.libpqVariable(k.env)
		if !ok {
			continue
		}
		v.text = l.absolute(k.name, v.text, l.src.Dir)
		if k.use == useNothing {
			lv.notUsed = append(lv.notUsed, Setting{Key: settingKey(k.name), Value: quoted(v.text), Source: v.source + ", not used"})
			continue
		}
		lv.put(k, v)
	}
	return lv
}

// lookupPath returns where a service or password file lies: what a connection
// string or the environment says, "" when neither does.
func (l *loader) lookupPath(name string) value {
	if v, ok := l.settled[name]; ok {
		return v
	}
	v, _ := l.libpqVariable(keywordsByName[name].env)
	v.text = l.absolute(name, v.text, l.src.Dir)
	return v
}

// serviceLevel reads the connection service that is named by a connection
// string or PGSERVICE. A service that cannot be found is an error, as with libpq.
func (l *loader) serviceLevel() level {
	lv := newLevel()
	service := l.lookupPath(kwService)
	if service.text == "" || service.complaint != "" {
		return lv
	}
	var paths []string
	if stated := l.lookupPath(kwServiceFile).text; stated != "" {
		paths = append(paths, stated)
	} else if l.src.Home != "" {
		paths = append(paths, filepath.Join(l.src.Home, ".pg_service.conf"))
	}
	if dir := l.environ["PGSYSCONFDIR"]; dir != "" {
		paths = append(paths, filepath.Join(dir, "pg_service.conf"))
	}
	fix := "define the service, or unset " + service.name
	for _, path := range paths {
		if !exists(path) {
			continue
		}
		settings, complaint := readService(path, service.text)
		if complaint != "" {
			l.problems.add(fix, "service file %s %s", path, complaint)
			l.brokenTarget = true
			return lv
		}
		if settings != nil {
			l.putService(&lv, service.text, path, settings)
			return lv
		}
	}
	l.problems.add(fix, "%s names the service %s, which no service file defines", service.name, quoted(service.text))
	l.brokenTarget = true
	return lv
}

// readService returns the settings of a service, nil when the file has none of
// that name.
func readService(path, name string) (settings map[string]string, complaint string) {
	body, _, err := readText(path, maxLibpqFile)
	if err != nil {
		return nil, "cannot be read"
	}
	file, err := pgservicefile.ParseServicefile(strings.NewReader(string(body)))
	if err != nil {
		return nil, "is malformed: " + err.Error() // tells the line, not what it holds
	}
	service, err := file.GetService(name)
	if err != nil {
		return nil, ""
	}
	return service.Settings, ""
}

func (l *loader) putService(lv *level, name, path string, settings map[string]string) {
	source := "service " + name
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		k, known := findKeyword(key)
		switch {
		case !known:
			l.problems.add("correct "+path, "%s has an unknown parameter %s%s", source, quoted(key), didYouMean(key, keywordNames()))
		case settings[key] == "" || k.use == useNothing:
		case k.use == useLookup && k.name != kwPassFile:
			l.problems.add("correct "+path, "%s refers to another %s, which is not allowed", source, k.name)
		default:
			lv.put(k, value{text: l.absolute(k.name, settings[key], l.src.Dir), source: source, name: source})
		}
	}
}

// passwordFromFile looks the password up in PGPASSFILE, else ~/.pgpass. Like
// libpq it ignores a file that others may read, and says so.
func (l *loader) passwordFromFile(host, port, database, user string) (value, bool) {
	stated := l.lookupPath(kwPassFile)
	path, shown := stated.text, stated.text
	if path == "" {
		if l.src.Home == "" {
			return value{}, false
		}
		path, shown = filepath.Join(l.src.Home, ".pgpass"), "~/.pgpass"
		if !exists(path) {
			return value{}, false
		}
	}
	body, mode, err := readText(path, maxLibpqFile)
	switch {
	case err != nil:
		l.warn("password file " + fileError(err))
		return value{}, false
	case !mode.IsRegular():
		l.warn(fmt.Sprintf("password file %s is ignored: it is not a plain file", shown))
		return value{}, false
	case mode.Perm()&0o077 != 0:
		l.warn(fmt.Sprintf("password file %s is ignored, as libpq ignores it: others may read it; chmod 600 %s", shown, shown))
		return value{}, false
	}
	file, err := pgpassfile.ParsePassfile(strings.NewReader(string(body)))
	if err != nil {
		l.warn(fmt.Sprintf("password file %s is ignored: a line is too long", shown))
		return value{}, false
	}
	password := file.FindPassword(host, port, database, user)
	if password == "" && isSocket(host) {
		password = file.FindPassword("localhost", port, database, user)
	}
	source := "pgpass " + shown
	return value{text: password, source: source, name: source}, password != ""
}
