package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
)

const rolloutHead = "environments:\n  staging:\n"

// withFiles writes files beside clipperops.yaml, which has a rollout.
func withFiles(t *testing.T, yaml string, files map[string]string) Sources {
	t.Helper()
	s := rehearsalSources(t, "staging", rolloutHead+yaml)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestRolloutIsReadBesideItsFile(t *testing.T) {
	t.Parallel()
	s := withFiles(t, `    rollout: {store: envfile, file: .env.flags, instances: "http://a:1, dns+http://b:2"}
    metrics: {url: "https://prometheus:9090", token_file: token, ca_file: ca.pem}
    notify: {slack_file: slack, mail_host: smtp.internal, mail_from: a@x.org, mail_to: "b@x.org c@x.org", mail_password_file: mail}
`, map[string]string{"token": "canary-token\n", "slack": "https://hooks.slack.com/canary-slack\n", "mail": "canary-mail"})
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	r := c.Rollout
	if r.Store != "envfile" || r.File != filepath.Join(s.Dir, ".env.flags") || strings.Join(r.Apply, " ") != defaultApply || !slices.Equal(r.Instances, []string{"http://a:1", "dns+http://b:2"}) {
		t.Errorf("%+v", r)
	}
	if r.Metrics.BearerToken.Reveal() != "canary-token" || r.Metrics.CAFile != filepath.Join(s.Dir, "ca.pem") {
		t.Errorf("the token or the path is wrong: %+v", r.Metrics)
	}
	if r.Notify.Slack.Reveal() != "https://hooks.slack.com/canary-slack" || r.Notify.Mail.Password.Reveal() != "canary-mail" || r.Notify.Mail.Port != 587 || len(r.Notify.Mail.To) != 2 || r.Notify.Mail.TLS != "starttls" {
		t.Errorf("%+v", r.Notify)
	}
	if text := fmt.Sprintf("%+v %v %+v", c.Settings, c.Warnings, r); strings.Contains(text, "canary") {
		t.Errorf("a secret is shown: %s", text)
	}
}

func TestMistakesInARolloutsSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ yaml, want string }{
		"store":              {"rollout: {store: redis}", "rollout.store"},
		"file":               {"rollout: {store: envfile}", "rollout.file is not set"},
		"instance":           {"rollout: {instances: \"ftp://a\"}", "rollout.instances holds something that is no URL"},
		"password in it":     {"rollout: {instances: \"http://u:canary@a\"}", "rollout.instances holds a user name or a password"},
		"two servers":        {"metrics: {url: \"http://a http://b\"}", "metrics.url holds 2 URLs"},
		"secret not there":   {"metrics: {token_file: nowhere}", "metrics.token_file"},
		"secret of lines":    {"metrics: {token_file: lines}", "must hold one line"},
		"secret of nothing":  {"metrics: {token_file: empty}", "must hold one line"},
		"both":               {"metrics: {token_file: one, user: me}", "metrics.user and metrics.token_file are both set"},
		"port":               {"notify: {mail_host: h, mail_from: a@x, mail_to: b@x, mail_port: 70000}", "notify.mail_port is no port"},
		"nobody to write to": {"notify: {mail_host: h}", "not who writes to whom"},
		"unknown key":        {"notify: {slak_file: x}", "slack_file"},
		"quotes":             {"rollout: {store: envfile, file: f, apply: \"sh -c 'a b'\"}", "rollout.apply holds a quote"},
	} {
		_, err := Load(withFiles(t, "    "+c.yaml+"\n", map[string]string{"lines": "canary\nmore\n", "empty": "\n", "one": "canary"}))
		f := ops.AsFailure(err)
		text := strings.Join(slices.Concat([]string{f.What}, f.Detail, f.Next), "\n")
		if err == nil || !strings.Contains(text, c.want) || len(f.Next) == 0 || strings.Contains(text, "canary") {
			t.Errorf("%s: %s, want %q and what to do", name, text, c.want)
		}
	}
}
