package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What Slack takes at most, in characters.
const (
	mostSection = 3000
	mostField   = 2000
	mostFields  = 10 // in one section
	mostFacts   = 40
)

// colours are the bars beside messages.
var colours = map[Level]string{Info: "#2eb67d", Warning: "#ecb22e", Page: "#e01e5a"}

// Slack posts to an incoming webhook, whose URL is a secret. client is nil for one of
// its own.
func Slack(webhook string, client *http.Client) (Channel, error) {
	e, err := newEndpoint("Slack's webhook", webhook, "", client)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(e.url, "https:") && !local(e.host) {
		return nil, errors.New("the URL of Slack's webhook is not https://…: it is a secret, and would be sent in the clear")
	}
	return &slack{e}, nil
}

type slack struct{ *endpoint }

func (s *slack) String() string { return "slack " + s.host }

type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim,omitempty"` // no @name, #channel or URL becomes a link
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Fields   []slackText `json:"fields,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackAttachment struct {
	Color    string       `json:"color"`
	Fallback string       `json:"fallback"`
	Blocks   []slackBlock `json:"blocks"`
}

type slackMessage struct {
	Attachments []slackAttachment `json:"attachments"`
}

// slackWord is an answer of Slack's that says why: invalid_payload, no_service. Nothing
// secret looks like that.
var slackWord = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)

func (s *slack) Send(ctx context.Context, m Message) error {
	refusal, err := s.post(ctx, slackOf(m))
	var f *failure
	if errors.As(err, &f) && len(refusal) < 60 && slackWord.Match(refusal) {
		f.reason += ": " + string(refusal)
	}
	return err
}

func slackOf(m Message) slackMessage {
	text := mrkdwn("*", m.Title, "*", mostSection/2)
	if m.Text != "" {
		text.Text += "\n" + mrkdwn("", m.Text, "", mostSection/2-1).Text
	}
	blocks := []slackBlock{{Type: "section", Text: &text}}
	facts := m.Facts
	if len(facts) > mostFacts {
		facts = append(facts[:mostFacts-1:mostFacts-1], Fact{"Left out", fmt.Sprintf("%d more", len(facts)-mostFacts+1)})
	}
	for len(facts) > 0 {
		n := min(mostFields, len(facts))
		block := slackBlock{Type: "section"}
		for _, f := range facts[:n] {
			field := mrkdwn("*", f.Name, "*", mostField/4)
			field.Text += "\n" + mrkdwn("", f.Value, "", mostField/2).Text
			block.Fields = append(block.Fields, field)
		}
		blocks, facts = append(blocks, block), facts[n:]
	}
	var where []string
	for _, w := range []string{string(m.Level), m.Environment, m.Flag} {
		if w != "" {
			where = append(where, w)
		}
	}
	// Slack shows the time in each reader's own zone.
	seen := fmt.Sprintf(" · <!date^%d^{date_num} {time_secs}|%s>", m.At.Unix(), m.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	foot := mrkdwn("", strings.Join(where, " · "), "", mostField/2)
	foot.Text += seen
	blocks = append(blocks, slackBlock{Type: "context", Elements: []slackText{foot}})
	colour, ok := colours[m.Level]
	if !ok {
		colour = colours[Info]
	}
	return slackMessage{[]slackAttachment{{colour, mrkdwn("", m.Title, "", mostField/2).Text, blocks}}}
}

// mrkdwn is the text, escaped and cut to so many characters, between the two marks.
func mrkdwn(before, text, after string, most int) slackText {
	var out strings.Builder
	room := most - utf8.RuneCountInString(before+after) - 1
	for _, r := range strings.TrimSpace(text) {
		piece := escape(string(r))
		if room -= utf8.RuneCountInString(piece); room < 0 {
			out.WriteString("…")
			break
		}
		out.WriteString(piece)
	}
	if out.Len() == 0 {
		out.WriteString("–") // Slack refuses an empty text
	}
	return slackText{"mrkdwn", before + out.String() + after, true}
}
