package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/clipper/clipperops/moderation/httpapi"
	"github.com/clipper/clipperops/moderation/problem"
)

// contract is the API's description, against which the whole suite is held.
var contract = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromData(httpapi.OpenAPI)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	return legacy.NewRouter(doc)
})

// held fails the test when a request or its answer is not as described.
func held(t *testing.T, r *http.Request, body []byte, answer *http.Response, text []byte) {
	t.Helper()
	if err := violation(r, body, answer, text); err != nil {
		t.Errorf("%s %s: %v\n%s", r.Method, r.URL, err, text)
	}
}

// violation holds a request and its answer against the description: an answer is
// always as described, and what was done (2xx) was asked for as described.
func violation(r *http.Request, body []byte, answer *http.Response, text []byte) error {
	router, err := contract()
	if err != nil {
		return err
	}
	described := r.Clone(r.Context())
	described.URL = &url.URL{Path: strings.Replace(r.URL.Path, "/api/moderation/", "/api/v1/moderation/", 1), RawQuery: r.URL.RawQuery}
	described.Body = io.NopCloser(bytes.NewReader(body))
	route, parameters, err := router.FindRoute(described)
	if err != nil {
		if answer.StatusCode < 300 {
			return fmt.Errorf("it is answered %s and is not described: %w", answer.Status, err)
		}
		return nil
	}
	input := &openapi3filter.RequestValidationInput{
		Request: described, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil && answer.StatusCode < 300 {
		return fmt.Errorf("it was done, but the request is not as described: %w", brief(err))
	}
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.StatusCode, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(text)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		return fmt.Errorf("the answer is not as described: %w", brief(err))
	}
	return nil
}

// brief is an error without the schema that it quotes.
func brief(err error) error {
	var schema *openapi3.SchemaError
	if errors.As(err, &schema) {
		return errors.New(schema.Reason)
	}
	return err
}

// TestEveryRouteIsDescribed, and everything described is a route; every code is in
// the description, and no other.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(httpapi.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	routes := httpapi.Paths()
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("described\n%s\nroutes\n%s", strings.Join(described, "\n"), strings.Join(routes, "\n"))
	}
	var codes []string
	for _, c := range doc.Components.Schemas["Problem"].Value.Properties["code"].Value.Enum {
		codes = append(codes, c.(string))
	}
	var all []string
	for _, c := range problem.Codes() {
		all = append(all, string(c))
	}
	slices.Sort(codes)
	slices.Sort(all)
	if !slices.Equal(codes, all) {
		t.Errorf("described\n%s\ncodes\n%s", codes, all)
	}
}

// TestTheDescriptionIsServed as it is.
func TestTheDescriptionIsServed(t *testing.T) {
	t.Parallel()
	s := newService(t)
	if got := s.do([16]byte{}, "GET", "/openapi.yaml", nil).wants(http.StatusOK); !bytes.Equal(got.body, httpapi.OpenAPI) {
		t.Error("another document is served")
	}
}

// TestTheContractIsHeld: an answer that is not as described fails the suite.
func TestTheContractIsHeld(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"application/json"}}}
	if err := violation(r, nil, answer, []byte(`{"status":"ok"}`)); err != nil {
		t.Errorf("a good answer fails: %v", err)
	}
	if violation(r, nil, answer, []byte(`{"status":"ok","more":1}`)) == nil {
		t.Error("a field that is not described passes")
	}
}
