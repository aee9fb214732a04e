package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/problem"
)

// The length of a page.
const (
	defaultLimit = 20
	maxLimit     = 100
)

// query reads a request's query: each parameter at most once, none that is unknown.
type query struct {
	values url.Values
	err    error // the first mistake
}

func (r *request) query(known ...string) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.fail("the query cannot be read")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name):
			q.fail("the query has a parameter that is not known here")
		case len(given) > 1:
			q.fail("the query has %s more than once", name)
		}
	}
	return q
}

func (q *query) fail(message string, args ...any) {
	if q.err == nil {
		q.err = problem.New(problem.InvalidRequest, message, args...)
	}
}

// limit is how many are asked for.
func (q *query) limit() int {
	text := q.values.Get("limit")
	if !q.values.Has("limit") {
		return defaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		q.fail("limit is not a number from 1 to %d", maxLimit)
	}
	return n
}

// id is an id to filter by, uuid.Nil when there is none.
func (q *query) id(name string) uuid.UUID {
	if !q.values.Has(name) {
		return uuid.Nil
	}
	id, err := parseID(name, q.values.Get(name))
	if err != nil && q.err == nil {
		q.err = err
	}
	return id
}

// moment is a time to filter by.
func (q *query) moment(name string) time.Time {
	if !q.values.Has(name) {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, q.values.Get(name))
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		q.fail("%s is not a time like 2026-01-31T12:00:00Z", name)
	}
	return at
}

// oneOf is a value out of a few, "" when there is none.
func oneOf[T ~string](q *query, name string, values []T) T {
	if !q.values.Has(name) {
		return ""
	}
	v := T(q.values.Get(name))
	if !slices.Contains(values, v) {
		q.fail("%s is not one of %s", name, list(values))
	}
	return v
}

// cursor is the key after which the page begins, nil for the first page. It is
// opaque to clients, and checked like everything else they send.
func cursor[K any](q *query) *K {
	if !q.values.Has("cursor") {
		return nil
	}
	var key K
	text, err := base64.RawURLEncoding.DecodeString(q.values.Get("cursor"))
	if err == nil {
		err = decodeBody(text, &key)
	}
	if err != nil || !sane(any(key)) {
		q.fail("the cursor is not one that was given out here")
	}
	return &key
}

// paged is the answer with a page: one more than limit was read to see whether
// there is a next one.
func paged[T, K any](found []T, limit int, key func(T) K) (answer, error) {
	p := page{Success: true, Data: found}
	if found == nil {
		p.Data = []T{}
	}
	if len(found) > limit {
		next, err := toCursor(key(found[limit-1]))
		if err != nil {
			return answer{}, err
		}
		p.Data, p.NextCursor = found[:limit], &next
	}
	return answer{body: p}, nil
}

// toCursor is the cursor of the page that begins after this key.
func toCursor[K any](key K) (string, error) {
	text, err := json.Marshal(key)
	return base64.RawURLEncoding.EncodeToString(text), err
}

func list[T ~string](values []T) string {
	var text string
	for i, v := range values {
		if i > 0 {
			text += ", "
		}
		text += string(v)
	}
	return text
}

// word is a name to filter by: Clipper writes audit rows of other kinds, too, so
// any that the column can hold is allowed.
func (q *query) word(name string) string {
	v := q.values.Get(name)
	if q.values.Has(name) && !goodWord.MatchString(v) {
		q.fail("%s is not a name like queue_report", name)
	}
	return v
}

var goodWord = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)
