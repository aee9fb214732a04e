package httpapi

import (
	"errors"
	"strings"
	"testing"

	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/queue"
)

type decoded struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	Data   any    `json:"data"`
}

// TestBodiesThatAreRefused: each says what is wrong, and none repeats what was sent.
func TestBodiesThatAreRefused(t *testing.T) {
	t.Parallel()
	for body, says := range map[string]string{
		"":                            "empty",
		"  \n":                        "empty",
		"null":                        "not a JSON object",
		`"s3cret"`:                    "not a JSON object",
		"[]":                          "an array",
		`[{"reason":"s3cret"}]`:       "in bulk",
		`{"reason":["s3cret"]}`:       "in bulk",
		`{"reason":{"s3cret":1}}`:     "reason is a object",
		`{"count":"s3cret"}`:          "count is a string",
		`{"count":1.5}`:               "count is a number",
		`{"unknown":1}`:               `unknown field "unknown"`,
		`{"reason":"a","reason":"b"}`: "twice",
		`{"reason":"a","REASON":"b"}`: "twice",
		`{"data":{"a":1,"a":2}}`:      "twice",
		`{"reason":"a"}{"reason":1}`:  "behind",
		`{"reason":"a"} x`:            "behind",
		`{"reason":"a"`:               "valid JSON",
		`{"reason":`:                  "valid JSON",
		"{\"reason\":\"\xff\"}":       "not UTF-8",
		strings.Repeat(`{"data":`, 20) + "1" + strings.Repeat("}", 20): "too deep",
	} {
		var into decoded
		err := decodeBody([]byte(body), &into)
		var p *problem.Problem
		if !errors.As(err, &p) || p.Code != problem.InvalidRequest {
			t.Errorf("%q is answered %v", body, err)
			continue
		}
		if shown := p.Message + " " + p.Detail; !strings.Contains(shown, says) || strings.Contains(shown, "s3cret") {
			t.Errorf("%q is answered %q, want %q", body, shown, says)
		}
	}
	var into decoded
	if err := decodeBody([]byte(` {"reason":"ä\"}","count":-3,"data":{"a":[{"b":null},"x"]}} `), &into); err != nil || into.Reason != `ä"}` || into.Count != -3 {
		t.Errorf("a good body: %+v, %v", into, err)
	}
}

// FuzzBody: whatever is sent, it is a problem of the client's or it is read.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"reason":"a","count":1}`, `{"data":[{"a":1}]}`, `[1]`, `{"a":`, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var into decoded
		err := decodeBody(body, &into)
		var p *problem.Problem
		if err != nil && (!errors.As(err, &p) || p.Code != problem.InvalidRequest) {
			t.Errorf("%q is answered %v", body, err)
		}
	})
}

// FuzzCursor: a cursor of a stranger's making is refused, or its key can be a row's.
func FuzzCursor(f *testing.F) {
	f.Add("eyJQcmlvcml0eSI6NTAsIkNyZWF0ZWRBdCI6IjIwMjYtMDEtMDFUMDA6MDA6MDBaIiwiSUQiOiI3ZDlmMmM2Mi01MWQ1LTRjNjAtOWQwYy0wZjdmMWIwZjNhMTEifQ")
	f.Add("")
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		q := &query{values: map[string][]string{"cursor": {text}}}
		if key := cursor[queue.Key](q); q.err == nil && (key == nil || !sane(*key)) {
			t.Errorf("%q is taken for %v", text, key)
		}
	})
}
