package config

import (
	"maps"
	"slices"
)

// settings lists every value with its source: what was read, the database, the
// places, and what was stated but is not used.
func (l *loader) settings() []Setting {
	list := slices.Clone(l.files)
	for _, name := range []string{kwHost, kwPort, kwUser, kwPassword, kwDatabase, kwSSLMode} {
		list = append(list, l.setting(name, "", sourceNone))
	}
	for _, name := range []string{kwSSLRootCert, kwSSLCert, kwSSLKey} {
		if _, ok := l.settled[name]; ok {
			list = append(list, l.setting(name, "", sourceNone))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.settled)) {
		if u := keywordsByName[name].use; u == usePassed || u == useServer {
			list = append(list, l.setting(name, "", sourceNone))
		}
	}
	list = append(list,
		l.setting(keyMigrations, "embedded", sourceDefault),
		l.setting(keyRelease, "embedded", sourceDefault),
		l.setting(keyBackupDir, "", sourceNone),
		l.setting(keyReportDir, "", sourceNone),
		l.setting(keyPgPrograms, "", "not set; searched for"),
		l.setting(keyRehearseMode, "", sourceNone),
		l.rehearsalSetting(),
		l.setting(keyRehearseMayOff, "false", sourceDefault),
	)
	list = append(list, l.rolloutSettings()...)
	return append(list, l.notUsed...)
}

func (l *loader) setting(name, otherwise, source string) Setting {
	v, ok := l.settled[name]
	switch {
	case !ok:
		return Setting{Key: settingKey(name), Value: otherwise, Source: source}
	case name == kwPassword && len(l.password) > 0:
		return Setting{Key: settingKey(name), Value: "(cannot be read)", Source: v.source}
	case name == kwPassword:
		return Setting{Key: settingKey(name), Value: mask, Source: v.source}
	case v.complaint != "":
		return Setting{Key: settingKey(name), Value: "(not valid)", Source: v.source}
	}
	return Setting{Key: settingKey(name), Value: v.text, Source: v.source}
}
