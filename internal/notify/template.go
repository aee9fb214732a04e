package notify

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"
)

// Templates are texts by the kind of message they are for, in the language of
// text/template; what they are filled with is a Message.
type Templates map[string]string

// Parsed are templates that were tried.
type Parsed struct{ byKind map[string]*template.Template }

// ParseTemplates reads the templates and tries each on a message. The error joins all
// mistakes; each names its kind.
func ParseTemplates(texts Templates) (*Parsed, error) {
	p := &Parsed{map[string]*template.Template{}}
	trial := Message{
		Key: "kind:what", Level: Info, Title: "title", Text: "text", Facts: []Fact{{"name", "value"}},
		Environment: "staging", Flag: "flag", At: time.Unix(0, 0).UTC(), Tags: []string{"tag"},
	}
	var mistakes []error
	for _, kind := range slices.Sorted(maps.Keys(texts)) {
		t, err := template.New(kind).Parse(texts[kind])
		if err == nil {
			err = t.Execute(io.Discard, trial)
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("the template of %q messages: %w", kind, err))
			continue
		}
		p.byKind[kind] = t
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return p, nil
}

// fill is the message with the text of its kind's template. One that fails on this
// message leaves the text as it was: better the usual words than none.
func (p *Parsed) fill(m Message) Message {
	if p == nil {
		return m
	}
	t, ok := p.byKind[m.Kind()]
	if !ok {
		return m
	}
	var text strings.Builder
	if t.Execute(&text, m) == nil {
		m.Text = strings.TrimSpace(text.String())
	}
	return m
}
