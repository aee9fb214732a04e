package runbook

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/notify"
	"github.com/clipper/clipperops/internal/ops"
)

// channels are all that are configured, and the log.
func (w *watching) channels() ([]notify.Channel, error) {
	n := w.Config.Rollout.Notify
	var all []notify.Channel
	if w.o.Log != nil {
		all = append(all, notify.Writer(w.o.Log))
	}
	client := &http.Client{Timeout: 10 * time.Second}
	var errs []error
	add := func(open func([]string) (notify.Channel, error), files ...config.SecretFile) {
		c := &rotated{files: files, open: open}
		_, err := c.current()
		all, errs = append(all, c), append(errs, err)
	}
	if n.Slack != "" {
		add(func(secret []string) (notify.Channel, error) { return notify.Slack(secret[0], client) }, n.Slack)
	}
	if n.Webhook != "" {
		add(func(secret []string) (notify.Channel, error) { return notify.Webhook(secret[0], secret[1], client) }, n.Webhook, n.WebhookToken)
	}
	if n.Grafana != "" {
		add(func(secret []string) (notify.Channel, error) { return notify.Grafana(n.Grafana, secret[0], client) }, n.GrafanaToken)
	}
	if m := n.Mail; m.Host != "" {
		add(func(secret []string) (notify.Channel, error) {
			return notify.Mail(notify.MailOptions{Host: m.Host, Port: m.Port, User: m.User, Password: secret[0], From: m.From, To: m.To, TLS: m.TLS})
		}, m.Password)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, &ops.Failure{Code: ops.ExitUsage, What: "who is to be notified cannot be used: " + err.Error(), State: []string{"nothing was changed"}, Err: err}
	}
	return all, nil
}

// rotated is a channel that is opened anew when its secrets' files hold something else: a
// watch runs for days. With the same secrets it stays, and knows whom it has told.
type rotated struct {
	files []config.SecretFile
	open  func(secrets []string) (notify.Channel, error)

	mu      sync.Mutex
	secrets []string
	channel notify.Channel
}

// current is the channel with the secrets that the files hold now.
func (r *rotated) current() (notify.Channel, error) {
	secrets := make([]string, len(r.files))
	for i, f := range r.files {
		secret, err := f.Read()
		if err != nil {
			return nil, err
		}
		secrets[i] = secret.Reveal()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.channel != nil && slices.Equal(secrets, r.secrets) {
		return r.channel, nil
	}
	channel, err := r.open(secrets)
	if err == nil {
		r.channel, r.secrets = channel, secrets
	}
	return channel, err
}

// Send implements notify.Channel.
func (r *rotated) Send(ctx context.Context, m notify.Message) error {
	channel, err := r.current()
	if err != nil {
		return err
	}
	return channel.Send(ctx, m)
}

// String implements notify.Channel.
func (r *rotated) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.channel.String()
}
