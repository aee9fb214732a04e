package notify

import (
	"context"
	"net/http"
	"time"
)

// Schema names the form of a webhook's JSON.
const Schema = "clipperops/notification/v1"

// Webhook posts JSON, with the bearer token when there is one. client is nil for one
// of its own.
func Webhook(url, bearer string, client *http.Client) (Channel, error) {
	e, err := newEndpoint("the webhook", url, bearer, client)
	if err != nil {
		return nil, err
	}
	return &webhook{e}, nil
}

type webhook struct{ *endpoint }

func (w *webhook) String() string { return "webhook " + w.host }

// notification is a message as JSON. ID is the same when the message comes again
// because the answer to the first time was lost.
type notification struct {
	Schema      string    `json:"schema"`
	ID          string    `json:"id"`
	Key         string    `json:"key"`
	Level       Level     `json:"level"`
	Title       string    `json:"title"`
	Text        string    `json:"text"`
	Facts       []Fact    `json:"facts"`
	Environment string    `json:"environment"`
	Flag        string    `json:"flag"`
	At          time.Time `json:"at"`
	Tags        []string  `json:"tags"`
}

func (w *webhook) Send(ctx context.Context, m Message) error {
	_, err := w.post(ctx, notification{
		Schema: Schema, ID: m.id(), Key: m.Key, Level: m.Level, Title: m.Title, Text: m.Text, Facts: append([]Fact{}, m.Facts...),
		Environment: m.Environment, Flag: m.Flag, At: m.At.UTC(), Tags: append([]string{}, m.Tags...),
	})
	return err
}
