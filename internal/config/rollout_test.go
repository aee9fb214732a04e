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

// secretIn is what the file holds now.
func secretIn(t *testing.T, f SecretFile) string {
	t.Helper()
	secret, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal()
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
	if secretIn(t, r.Metrics.TokenFile) != "canary-token" || r.Metrics.CAFile != filepath.Join(s.Dir, "ca.pem") {
		t.Errorf("the token or the path is wrong: %+v", r.Metrics)
	}
	if secretIn(t, r.Notify.Slack) != "https://hooks.slack.com/canary-slack" || secretIn(t, r.Notify.Mail.Password) != "canary-mail" || r.Notify.Mail.Port != 587 || len(r.Notify.Mail.To) != 2 || r.Notify.Mail.TLS != "starttls" {
		t.Errorf("%+v", r.Notify)
	}
	if text := fmt.Sprintf("%+v %v %+v", c.Settings, c.Warnings, r); strings.Contains(text, "canary") {
		t.Errorf("a secret is shown: %s", text)
	}
}

// TestSeveralValuesMayBeAList: what holds several may be written as a YAML list, and is
// shown as one value that means the same when it is read again.
func TestSeveralValuesMayBeAList(t *testing.T) {
	t.Parallel()
	instances := []string{"http://a:1", "dns+http://b:2"}
	shown := map[string]string{}
	for name, yaml := range map[string]string{
		"block": "    rollout:\n      instances:\n        - http://a:1\n        # the others\n        - 'dns+http://b:2'\n    metrics:\n      targets:\n      - http://a:9\n    notify:\n      mail_host: h\n      mail_from: a@x\n      mail_to: [b@x, c@x]\n",
		"flow":  "    rollout: {instances: [\"http://a:1\", \"dns+http://b:2\"]}\n    metrics: {targets: [\"http://a:9\"]}\n    notify: {mail_host: h, mail_from: a@x, mail_to: [b@x, c@x]}\n",
		"one":   "    rollout: {instances: \"http://a:1 dns+http://b:2\"}\n    metrics: {targets: \"http://a:9\"}\n    notify: {mail_host: h, mail_from: a@x, mail_to: b@x c@x}\n",
	} {
		c, err := Load(withFiles(t, yaml, nil))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r := c.Rollout; !slices.Equal(r.Instances, instances) || !slices.Equal(r.Metrics.Targets, []string{"http://a:9"}) || !slices.Equal(r.Notify.Mail.To, []string{"b@x", "c@x"}) {
			t.Errorf("%s: %+v", name, r)
		}
		for _, s := range c.Settings {
			if s.Key == keyInstances {
				shown[name] = s.Value
			}
		}
	}
	for name, value := range shown {
		c, err := Load(withFiles(t, "    rollout:\n      instances: "+value+"\n", nil))
		if err != nil || !slices.Equal(c.Rollout.Instances, instances) {
			t.Errorf("%s: what is shown, %q, is read as %q, %v", name, value, c.Rollout.Instances, err)
		}
	}
	if len(shown) != 3 {
		t.Errorf("shown: %q", shown)
	}
}

func TestMistakesInARolloutsSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ yaml, want string }{
		"store":              {"rollout: {store: redis}", "rollout.store"},
		"file":               {"rollout: {store: envfile}", "rollout.file is not set"},
		"instance":           {"rollout: {instances: \"ftp://a\"}", "rollout.instances holds something that is no URL"},
		"one of a list":      {"rollout: {instances: [\"http://a\", \"ftp://canary\"]}", "rollout.instances holds something that is no URL"},
		"password in a list": {"rollout: {instances: [\"http://a\", \"http://u:canary@a\"]}", "rollout.instances holds a user name or a password"},
		"list of nothing":    {"rollout: {instances: []}", "rollout.instances has no value"},
		"hole in a list":     {"rollout: {instances: [\"http://a\", ~]}", "rollout.instances[1] has no value"},
		"blank in a list":    {"rollout: {instances: [\"http://a\", \"\"]}", "rollout.instances[1] has no value"},
		"colon in braces":    {"rollout: {instances: [http://canary:1], store: postgres}", "rollout.instances[0] must be a single value; put it in quotes"},
		"list in a list":     {"rollout: {instances: [[\"http://a\"]]}", "rollout.instances[0] must be a single value"},
		"mapping":            {"rollout: {instances: {a: \"http://a\"}}", "rollout.instances must be a value or a list of them"},
		"list of a path":     {"rollout: {store: envfile, file: [canary]}", "rollout.file must be a single value"},
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
		loaded, err := Load(withFiles(t, "    "+c.yaml+"\n", map[string]string{"lines": "canary\nmore\n", "empty": "\n", "one": "canary"}))
		if strings.HasPrefix(name, "secret ") { // it matters only to those that need it
			if err != nil {
				t.Errorf("%s: a secret that is not needed by all stops all: %v", name, err)
			}
			err = loaded.Rollout.SecretsErr
		}
		f := ops.AsFailure(err)
		text := strings.Join(slices.Concat([]string{f.What}, f.Detail, f.Next), "\n")
		if strings.Contains(text, "leaves rollout.instances empty") {
			t.Errorf("%s: what follows from the mistake is told as another: %s", name, text)
		}
		if err == nil || !strings.Contains(text, c.want) || len(f.Next) == 0 || strings.Contains(text, "canary") {
			t.Errorf("%s: %s, want %q and what to do", name, text, c.want)
		}
	}
}
