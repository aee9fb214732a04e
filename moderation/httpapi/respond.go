package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/clipper/clipperops/moderation/problem"
)

// single is the answer with one thing.
type single struct {
	Success bool `json:"success"`
	Data    any  `json:"data"`
}

// page is the answer with a page of a list.
type page struct {
	Success    bool    `json:"success"`
	Data       any     `json:"data"`
	NextCursor *string `json:"next_cursor"` // null on the last page
}

// shownProblem is an error as JSON.
type shownProblem struct {
	Error     string       `json:"error"`
	Code      problem.Code `json:"code"`
	Detail    string       `json:"detail"`
	RequestID string       `json:"request_id"`
}

func writeProblem(w http.ResponseWriter, p *problem.Problem, id string) {
	problemHeaders(w.Header(), p)
	_ = writeJSON(w, p.Status, shownProblem{p.Message, p.Code, p.Detail, id}) // a client that is gone hears nothing
}

// problemHeaders are what an error says beside its body, whatever that is.
func problemHeaders(h http.Header, p *problem.Problem) {
	if s := p.RetrySeconds(); s > 0 {
		h.Set("Retry-After", strconv.Itoa(s))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="clipper"`) // RFC 9110, 11.6.1
	}
}

// writeJSON encodes before it begins to answer: what cannot be encoded is no 200.
func writeJSON(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, `{"error":"something went wrong here","code":"INTERNAL","detail":"","request_id":""}`, http.StatusInternalServerError)
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, err = w.Write(append(text, '\n'))
	return err
}
