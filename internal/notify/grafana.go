package notify

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Grafana annotates: every message becomes a mark in the graphs, by its tags, its
// flag, its environment and its level. url is Grafana's own; token is of a service
// account that may write annotations. client is nil for one of its own.
func Grafana(url, token string, client *http.Client) (Channel, error) {
	e, err := newEndpoint("Grafana", strings.TrimRight(url, "/")+"/api/annotations", token, client)
	if err != nil {
		return nil, err
	}
	return &grafana{e}, nil
}

type grafana struct{ *endpoint }

func (g *grafana) String() string { return "grafana " + g.host }

// annotation is what Grafana takes.
type annotation struct {
	Time int64    `json:"time"` // milliseconds
	Tags []string `json:"tags"`
	Text string   `json:"text"` // HTML
}

func (g *grafana) Send(ctx context.Context, m Message) error {
	lines := []string{m.Title}
	if m.Text != "" {
		lines = append(lines, m.Text)
	}
	for _, f := range m.Facts {
		lines = append(lines, f.Name+": "+f.Value)
	}
	tags := []string{"clipperops"}
	for _, t := range append(slices.Clone(m.Tags), m.Flag, m.Environment, string(m.Level)) {
		if t != "" && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	_, err := g.post(ctx, annotation{m.At.UnixMilli(), tags, escape(strings.Join(lines, "\n"))})
	return err
}

// escape takes their meaning from the three characters that begin something in HTML
// and in Slack's mrkdwn alike.
func escape(text string) string { return escaper.Replace(text) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
