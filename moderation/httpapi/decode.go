package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/clipper/clipperops/moderation/problem"
)

// maxBody is the length of a body in bytes.
const maxBody = 64 << 10

// decode reads the body into a T: one JSON object, nothing unknown in it, nothing
// behind it.
func decode[T any](r *request) (T, error) {
	var into T
	if err := jsonOnly(r.Header); err != nil {
		return into, err
	}
	body, err := io.ReadAll(r.Body)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return into, problem.New(problem.PayloadTooLarge, "the body is longer than %d bytes", maxBody)
	case err != nil:
		return into, problem.New(problem.InvalidRequest, "the body could not be read to its end").Because(err)
	}
	return into, decodeBody(body, &into)
}

// decodeBody is decode without HTTP.
func decodeBody(body []byte, into any) error {
	if !utf8.Valid(body) {
		return problem.New(problem.InvalidRequest, "the body is not UTF-8")
	}
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return problem.New(problem.InvalidRequest, "the body is empty").WithDetail("a JSON object is expected")
	case body[0] == '[':
		return problem.New(problem.InvalidRequest, "the body is an array").WithDetail("one object is expected: nothing is done in bulk")
	case body[0] != '{':
		return problem.New(problem.InvalidRequest, "the body is not a JSON object")
	}
	if err := noTwice(body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badJSON(err)
	}
	if d.More() {
		return problem.New(problem.InvalidRequest, "there is something behind the JSON object")
	}
	return nil
}

// jsonOnly refuses a body of another content type: what a form of another site can
// send without asking is never taken for a request.
func jsonOnly(h http.Header) error {
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := parameters["charset"]
	if err != nil || kind != "application/json" || (charset != "" && charset != "utf-8" && charset != "UTF-8") {
		return problem.New(problem.UnsupportedMediaType, "the body must be JSON").WithDetail("send Content-Type: application/json")
	}
	return nil
}

// badJSON says what is wrong without repeating what was sent.
func badJSON(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return problem.New(problem.InvalidRequest, "the body is not valid JSON").WithDetail("at byte %d", syntax.Offset)
	case errors.As(err, &kind) && kind.Value == "array":
		return problem.New(problem.InvalidRequest, "%s is an array", kind.Field).WithDetail("one value is expected: nothing is done in bulk")
	case errors.As(err, &kind):
		return problem.New(problem.InvalidRequest, "%s is a %s", kind.Field, kind.Value).WithDetail("it is to be a %s", kind.Type)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return problem.New(problem.InvalidRequest, "the body is not valid JSON").WithDetail("it ends too early")
	default:
		return problem.New(problem.InvalidRequest, "the body is not what is expected").WithDetail("%s", unknownField(err))
	}
}

// unknownField is encoding/json's message about a field that it does not know; the
// package has no type for it.
func unknownField(err error) string {
	const says = "json: unknown field "
	if m := err.Error(); len(m) > len(says) && m[:len(says)] == says {
		return "unknown field " + m[len(says):min(len(m), len(says)+64)]
	}
	return ""
}

// maxDepth is how deep a body may be nested.
const maxDepth = 16

// noTwice refuses an object that has a field twice, at any depth: readers disagree
// about which counts, and so would we and whoever checked the request before us.
func noTwice(body []byte) error {
	type level struct {
		fields map[string]bool // nil in an array
		key    bool            // a field's name is next
	}
	var levels []level
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badJSON(err)
		}
		top := len(levels) - 1
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				if len(levels) == maxDepth {
					return problem.New(problem.InvalidRequest, "the body is nested too deep")
				}
				next := level{}
				if v == '{' {
					next = level{fields: map[string]bool{}, key: true}
				}
				levels = append(levels, next)
				continue
			default:
				levels = levels[:top]
				top--
			}
		case string:
			if top >= 0 && levels[top].key {
				name := strings.ToLower(v) // encoding/json does not mind the case either
				if levels[top].fields[name] {
					return problem.New(problem.InvalidRequest, "the body has a field twice")
				}
				levels[top].fields[name], levels[top].key = true, false
				continue
			}
		}
		if top >= 0 && levels[top].fields != nil {
			levels[top].key = true // that was a field's value
		}
		if top < 0 {
			if rest, err := d.Token(); !errors.Is(err, io.EOF) || rest != nil {
				return problem.New(problem.InvalidRequest, "there is something behind the JSON object")
			}
			return nil
		}
	}
}
