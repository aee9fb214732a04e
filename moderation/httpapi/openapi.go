package httpapi

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
)

// OpenAPI is the API's description (OpenAPI 3.1, YAML). Every request and every
// answer of the tests is held against it.
//
//go:embed openapi.yaml
var OpenAPI []byte

// raw is an answer that is sent as it is.
type raw struct {
	kind string // Content-Type
	text []byte
}

func (a *api) openapi(*request) (answer, error) {
	return answer{body: raw{"application/yaml; charset=utf-8", OpenAPI}}, nil
}

// Paths are the API's paths with their methods, in the form of the description:
// "GET /api/v1/moderation/queue".
func Paths() []string {
	a := &api{}
	var all []string
	for _, r := range slices.Concat(a.routes(), a.twitchRoutes(), a.pageRoutes()) {
		for _, p := range r.paths {
			if !strings.HasPrefix(p, "/api/moderation/") { // the other name of /api/v1/moderation
				all = append(all, r.method+" "+p)
			}
		}
	}
	return all
}

// send sends the text as it is.
func (r raw) send(w http.ResponseWriter, status int) error {
	w.Header().Set("Content-Type", r.kind)
	w.WriteHeader(status)
	_, err := w.Write(r.text)
	return err
}
