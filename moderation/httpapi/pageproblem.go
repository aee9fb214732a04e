package httpapi

import (
	"net/http"
	"time"

	webpage "github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/problem"
)

// writeProblemPage shows an error to a person.
func writeProblemPage(w http.ResponseWriter, p *problem.Problem, id, back string) {
	if p.Code == problem.NotAuthenticated && p.Status == http.StatusUnauthorized {
		p = p.WithDetail("sign in to Clipper, then open this page again")
	}
	text, err := webpage.Problem{
		Message: p.Message, Detail: p.Detail, Code: string(p.Code), RequestID: id,
		Retry: time.Duration(p.RetrySeconds()) * time.Second, Back: back, Now: time.Now(),
	}.HTML()
	if err != nil {
		writeProblem(w, p, id)
		return
	}
	problemHeaders(w.Header(), p)
	_ = html{text: text}.send(w, p.Status) // a client that is gone sees nothing
}
