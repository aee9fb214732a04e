package config

import (
	"strconv"
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// RehearsalMode says what the clone of a rehearsal holds.
type RehearsalMode string

// The modes: the schema alone, the backup with all its rows, or no rehearsal.
const (
	RehearseSchema RehearsalMode = "schema"
	RehearseData   RehearsalMode = "data"
	RehearseOff    RehearsalMode = "off"
)

// RehearsalPlace says where the clone is made.
type RehearsalPlace string

// The places: the database's own server, a throwaway server of this machine, or
// the server of a URL.
const (
	RehearseOnSame  RehearsalPlace = "same"
	RehearseOnLocal RehearsalPlace = "local"
	RehearseOnURL   RehearsalPlace = "url"
)

// Rehearsal is how changes are rehearsed.
type Rehearsal struct {
	// Mode is RehearseSchema unless stated.
	Mode RehearsalMode
	// Place is the database's own server on staging and development; on production,
	// whose server is not ours to load with clones unasked, it is a local one.
	Place RehearsalPlace
	// Server is any database of the server to use, where Place is RehearseOnURL.
	Server Target
	// MayBeOff allows production to go without, for a reason. Only clipperops.yaml
	// can say so.
	MayBeOff bool
	// Source is where Mode comes from, as in Setting.
	Source string
}

// The settings of a rehearsal by their yaml key.
const (
	keyRehearseMode     = "rehearse.mode"
	keyRehearseOn       = "rehearse.on"
	keyRehearsePassword = "rehearse.password_file"
	keyRehearseMayOff   = "rehearse.allow_off"
)

var rehearsalKeywords = map[string]keyword{
	keyRehearseMode:   {name: keyRehearseMode, values: []string{string(RehearseSchema), string(RehearseData), string(RehearseOff)}},
	keyRehearseMayOff: {name: keyRehearseMayOff, values: []string{"true", "false"}},
}

const useRehearseOn = "use local, same, or postgres://USER@HOST:5432/DATABASE?sslmode=require"

// holdsPassword reports whether a place is a URL with a password in it.
func holdsPassword(place string) bool {
	if !strings.Contains(place, "://") {
		return false
	}
	info, complaints := parseConnInfo(place)
	return len(complaints) > 0 || info.stated[kwPassword] != ""
}

// rehearsalPlaceComplaint never repeats the value: it may be a URL with a password.
func rehearsalPlaceComplaint(text string) string {
	if text == string(RehearseOnSame) || text == string(RehearseOnLocal) || strings.Contains(text, "://") {
		return ""
	}
	return "is none of local, same and a postgres:// URL" + didYouMean(text, []string{string(RehearseOnSame), string(RehearseOnLocal)})
}

// resolveRehearsal settles how changes are rehearsed.
func (l *loader) resolveRehearsal() {
	place := RehearseOnSame
	if l.config.Environment == Production {
		place = RehearseOnLocal
	}
	l.fill(keyRehearseMode, string(RehearseSchema), sourceDefault)
	l.fill(keyRehearseOn, string(place), sourceDefault)
	r := &l.config.Rehearsal
	r.Mode, r.Place = RehearsalMode(l.text(keyRehearseMode)), RehearsalPlace(l.text(keyRehearseOn))
	r.Source = l.settled[keyRehearseMode].source
	r.MayBeOff = l.text(keyRehearseMayOff) == "true"
	if on := l.settled[keyRehearseOn]; strings.Contains(on.text, "://") && on.complaint == "" {
		r.Place = RehearseOnURL
		l.resolveRehearsalServer(on)
	} else if _, stated := l.settled[keyRehearsePassword]; stated {
		l.warn("rehearse.password_file is not used: it goes with a URL in rehearse.on")
	}
}

// resolveRehearsalServer reads the URL of the server to rehearse on.
func (l *loader) resolveRehearsalServer(on value) {
	server, err := ParseTarget(on.text)
	if err != nil {
		l.problems.add(useRehearseOn, "%s: %s", on.name, ops.AsFailure(err).What)
		return
	}
	if v, stated := l.settled[keyRehearsePassword]; stated {
		body, _, err := readText(v.text, maxPasswordFile)
		if err != nil {
			l.problems.add("make the file of "+v.name+" readable", "%s: %s", v.name, fileError(err))
			return
		}
		server.Password = Secret(strings.TrimRight(string(body), "\r\n"))
	}
	if server.Password == "" {
		if v, found := l.passwordFromFile(server.Host, strconv.Itoa(int(server.Port)), server.Database, server.User); found {
			server.Password = Secret(v.text)
		}
	}
	l.config.Rehearsal.Server = server
}

// rehearsalSetting shows a URL without its password.
func (l *loader) rehearsalSetting() Setting {
	s := l.setting(keyRehearseOn, "", sourceNone)
	if l.config.Rehearsal.Place == RehearseOnURL {
		s.Value = "(not valid)"
		if l.config.Rehearsal.Server.Host != "" {
			s.Value = l.config.Rehearsal.Server.RedactedURL()
		}
	}
	return s
}
