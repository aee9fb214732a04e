package config

import (
	"strconv"
	"strings"
)

// OtherTarget reads the complete URL of a database beside the one the settings
// name, as ParseTarget does. A password the URL does not give is looked up in the
// password file, PGPASSFILE or ~/.pgpass, which states for whom it is; those of
// the settings are for the settings' own database and are sent nowhere else.
func OtherTarget(url string, s Sources) (Target, error) {
	t, err := ParseTarget(url)
	if err != nil || t.Password != "" {
		return t, err
	}
	l := &loader{src: s, environ: map[string]string{}, settled: map[string]value{}}
	for _, entry := range s.Environ {
		if path, stated := strings.CutPrefix(entry, "PGPASSFILE="); stated {
			l.environ["PGPASSFILE"] = path
		}
	}
	if v, found := l.passwordFromFile(t.Host, strconv.Itoa(int(t.Port)), t.Database, t.User); found {
		t.Password = Secret(v.text)
	}
	return t, nil
}
