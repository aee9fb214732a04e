package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// value is what one source states for one key.
type value struct {
	text string
	// source is shown by `config show`; name is how an error calls it.
	source, name string
	// withHost marks the port of a URL that names a host: it is that host's and
	// nobody else's. implied marks one that the URL leaves to the default.
	withHost, implied bool
	// file marks text as the path of a file that holds the value.
	file bool
	// complaint says what is wrong with the value; warning what should be known
	// when it is used.
	complaint, warning string
}

// level is what the sources of one rank state, by libpq's keyword or, for what
// is no connection parameter, by the key of clipperops.yaml.
type level struct {
	values map[string][]value
	// broken are complaints about a connection string that cannot be used.
	broken  []string
	notUsed []Setting
}

func newLevel() level { return level{values: make(map[string][]value)} }

// put adds a value of the keyword k, checked.
func (lv *level) put(k keyword, v value) {
	if v.complaint == "" && !v.file {
		v.complaint = k.complaint(v.text, true)
	}
	if k.name == kwPassword && v.complaint == "" && strings.HasSuffix(v.text, "\n") {
		v.warning = joinSentences(v.warning, v.name+" ends in a line break, which is taken as part of the password")
	}
	lv.values[k.name] = append(lv.values[k.name], v)
}

// putConnString adds all that a connection string states. from describes the
// string itself; base is where its relative paths begin.
func (l *loader) putConnString(lv *level, from value, base string) {
	if from.complaint != "" {
		lv.broken = append(lv.broken, from.name+" "+from.complaint)
		return
	}
	info, complaints := parseConnInfo(from.text)
	for _, c := range complaints {
		lv.broken = append(lv.broken, from.name+" "+c)
	}
	if len(complaints) > 0 {
		return
	}
	_, namesHost := info.stated[kwHost]
	if _, namesPort := info.stated[kwPort]; namesHost && !namesPort {
		from.implied = true
		info.stated[kwPort] = strconv.Itoa(defaultPort)
	}
	for name, text := range info.stated {
		v := from
		v.text, v.withHost = l.absolute(name, text, base), name == kwPort && namesHost
		v.implied = from.implied && name == kwPort
		if name != kwPassword {
			v.warning = ""
		}
		lv.values[name] = append(lv.values[name], v)
	}
	for _, p := range info.notUsed {
		lv.notUsed = append(lv.notUsed, Setting{Key: settingKey(p.key), Value: quoted(p.text), Source: from.source + ", not used"})
	}
}

// settle takes from the level whatever no higher level has stated, and reports
// what is wrong with that. What a higher level overrides cannot do harm and is
// not complained of.
func (l *loader) settle(lv level) {
	_, hostAbove := l.settled[kwHost]
	if len(lv.broken) > 0 {
		l.settleBroken(lv)
	}
	for _, key := range slices.Sorted(maps.Keys(lv.values)) {
		if _, above := l.settled[key]; above {
			continue
		}
		candidates := slices.DeleteFunc(slices.Clone(lv.values[key]), func(v value) bool { return v.withHost && hostAbove })
		if len(candidates) == 0 {
			continue
		}
		l.settled[key] = candidates[0]
		for _, v := range candidates {
			if v.complaint != "" {
				l.problems.add("give "+v.name+" a valid value, or remove it", "%s %s", v.name, v.complaint)
			}
			l.warn(v.warning)
			if v.warning != "" && strings.HasPrefix(v.source, "flag ") && !slices.Contains(l.config.Exposed, v.warning) {
				l.config.Exposed = append(l.config.Exposed, v.warning)
			}
		}
		l.findConflict(key, candidates)
	}
	l.notUsed = append(l.notUsed, lv.notUsed...)
}

// settleBroken reports a connection string that cannot be read, as a problem
// unless higher levels have already said everything it could have said.
func (l *loader) settleBroken(lv level) {
	for _, key := range []string{kwHost, kwUser, kwDatabase} {
		if _, above := l.settled[key]; !above {
			for _, b := range lv.broken {
				l.problems.add(useURL, "%s", b)
			}
			l.brokenTarget = true
			return
		}
	}
	for _, b := range lv.broken {
		l.warn(b + "; it is not used, because a higher source gives the whole database")
	}
}

func (l *loader) findConflict(key string, candidates []value) {
	for i, a := range candidates {
		for _, b := range candidates[i+1:] {
			if a.complaint != "" || b.complaint != "" || !differ(key, a, b) {
				continue
			}
			l.problems.add("make "+a.name+" and "+b.name+" agree, or remove one of them",
				"%s, but %s", a.says(key), b.says(key))
			return
		}
	}
}

func differ(key string, a, b value) bool {
	switch {
	case a.file || b.file:
		return true // which of two places holds the password is not for us to guess
	case key == kwHost:
		return !strings.EqualFold(a.text, b.text)
	case key == kwPort:
		x, _ := parsePort(a.text)
		y, _ := parsePort(b.text)
		return x != y
	}
	return a.text != b.text
}

// says tells what the value states, for a sentence.
func (v value) says(key string) string {
	text := strconv.Quote(v.text)
	switch {
	case key == kwPassword:
		text = mask
	case v.implied:
		return fmt.Sprintf("%s gives no port, which means %s", v.name, v.text)
	}
	return fmt.Sprintf("%s says %s %s", v.name, settingKey(key), text)
}

// settingKey returns the key of `config show`, which is that of clipperops.yaml.
func settingKey(name string) string {
	switch name {
	case kwDatabase:
		return "database.name"
	case kwHost, kwPort, kwUser, kwPassword, kwSSLMode, kwSSLRootCert, kwSSLCert, kwSSLKey:
		return "database." + name
	case keyBackupDir, keyReportDir, keyMigrations, keyRelease, keyPgPrograms,
		keyRehearseMode, keyRehearseOn, keyRehearseMayOff, keyRehearsePassword:
		return name
	}
	if slices.Contains(rolloutKeys, name) {
		return name
	}
	return "database.params." + name
}

// absolute resolves the values that are paths: "~/" is the home directory, what
// is relative begins at base.
func (l *loader) absolute(key, text, base string) string {
	if key == keyPgPrograms && strings.HasPrefix(text, "docker:") {
		return text // a container, not a directory
	}
	switch key {
	case kwSSLRootCert, kwSSLCert, kwSSLKey, kwServiceFile, kwPassFile,
		keyBackupDir, keyReportDir, keyMigrations, keyRelease, keyPgPrograms, keyPasswordFile, keyRehearsePassword:
	default:
		if !slices.Contains(rolloutPaths, key) {
			return text
		}
	}
	if text == "" || key == kwSSLRootCert && text == systemRoots {
		return text
	}
	if rest, ok := strings.CutPrefix(text, "~/"); ok && l.src.Home != "" {
		return filepath.Join(l.src.Home, rest)
	}
	if filepath.IsAbs(text) || base == "" {
		return filepath.Clean(text)
	}
	return filepath.Join(base, text)
}

func joinSentences(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
