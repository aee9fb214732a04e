package pg

import (
	"strings"

	"github.com/clipper/clipperops/internal/ops"
)

// RefuseVersions is why a server of a version cannot hold a clone of another's.
func RefuseVersions(source, place int) string {
	m := making{server: Server{VersionNum: place}, source: &cloneSource{server: Server{VersionNum: source}}}
	var r refusal
	m.refuseServer(&r)
	if len(r.why) == 0 {
		return ""
	}
	return r.why[0]
}

// CreateFailure is what an operator reads when the database could not be created.
func CreateFailure(l Locale, err error) *ops.Failure {
	m := making{at: CloneServer{Place: "the target's own server", Instead: []string{insteadLocal}}, source: &cloneSource{locale: l}}
	var f ops.Failure
	m.explain(&f, &createError{err})
	return &f
}

// RefuseWanted is why a place cannot hold a clone on which an extension will be
// created, of which it has those versions.
func RefuseWanted(name string, versions ...string) string {
	var offers []offer
	for _, v := range versions {
		offers = append(offers, offer{Name: name, Version: v})
	}
	var r refusal
	considerWanted(name, offers, &r)
	return strings.Join(r.why, "; ")
}
