package config

import (
	"net/url"
	"strconv"
	"strings"
)

// Rollout is where the feature's flag is kept, who follows it, what it is judged by and
// who is told.
type Rollout struct {
	// Store is "postgres", "envfile" or "flagd", File the file of the last two.
	Store string
	File  string
	// Apply is the command that makes services read the file again, in words; none where
	// they watch it.
	Apply []string
	// Instances are those that must follow: base URLs; dns+http://NAME:PORT for all
	// addresses of a name; compose+http://SERVICE:PORT for the containers of a service.
	Instances []string
	Metrics   Metrics
	Notify    Notify
	// SecretsErr is an *ops.Failure that says which secrets of Metrics and Notify cannot be
	// read, nil when all can. It matters only to those that need them.
	SecretsErr error
}

// Metrics is where gates find their metrics.
type Metrics struct {
	// URL is a Prometheus server. Without one the instances themselves are scraped, or
	// Targets where those are stated, into Dir.
	URL                     string
	User                    string
	PasswordFile, TokenFile SecretFile
	Tenant                  string
	// CAFile, CertFile and KeyFile are of TLS, "" for the system's and none.
	CAFile, CertFile, KeyFile string
	Targets                   []string
	Dir                       string
}

// Notify is who is told of what a rollout does.
type Notify struct {
	// Slack holds the URL of an incoming webhook, which is a secret itself.
	Slack SecretFile
	// Webhook holds the URL of what receives JSON, with WebhookToken as its bearer.
	Webhook      SecretFile
	WebhookToken SecretFile
	Mail         Mail
	// Grafana is annotated.
	Grafana      string
	GrafanaToken SecretFile
}

// Mail is an SMTP server and whom it writes to; no Host, no mail.
type Mail struct {
	Host     string
	Port     int
	User     string
	Password SecretFile
	From     string
	To       []string
	TLS      string
}

// The settings by their yaml key.
const (
	keyStore       = "rollout.store"
	keyStoreFile   = "rollout.file"
	keyApply       = "rollout.apply"
	keyInstances   = "rollout.instances"
	keyMetricsURL  = "metrics.url"
	keyMetricsUser = "metrics.user"
	keyTenant      = "metrics.tenant"
	keyTargets     = "metrics.targets"
	keyMetricsDir  = "metrics.dir"
	keyMailHost    = "notify.mail_host"
	keyMailPort    = "notify.mail_port"
	keyMailUser    = "notify.mail_user"
	keyMailFrom    = "notify.mail_from"
	keyMailTo      = "notify.mail_to"
	keyMailTLS     = "notify.mail_tls"
	keyGrafana     = "notify.grafana"

	keyMetricsPassword = "metrics.password_file"
	keyMetricsToken    = "metrics.token_file"
	keyMetricsCA       = "metrics.ca_file"
	keyMetricsCert     = "metrics.cert_file"
	keyMetricsKey      = "metrics.key_file"
	keySlack           = "notify.slack_file"
	keyWebhook         = "notify.webhook_file"
	keyWebhookToken    = "notify.webhook_token_file"
	keyMailPassword    = "notify.mail_password_file"
	keyGrafanaToken    = "notify.grafana_token_file"
)

// defaultApply is what makes docker compose give a service its environment anew;
// restarting does not.
const defaultApply = "docker compose up -d --no-deps backend"

// rolloutKeys are all of them, in the order they are shown.
var rolloutKeys = []string{
	keyStore, keyStoreFile, keyApply, keyInstances,
	keyMetricsURL, keyMetricsUser, keyMetricsPassword, keyMetricsToken, keyTenant, keyMetricsCA, keyMetricsCert, keyMetricsKey, keyTargets, keyMetricsDir,
	keySlack, keyWebhook, keyWebhookToken, keyMailHost, keyMailPort, keyMailUser, keyMailPassword, keyMailFrom, keyMailTo, keyMailTLS, keyGrafana, keyGrafanaToken,
}

// rolloutPaths are those that are paths: of files that hold one secret each, of
// certificates, and of the flag's file.
var rolloutPaths = []string{
	keyStoreFile, keyMetricsDir, keyMetricsPassword, keyMetricsToken, keyMetricsCA, keyMetricsCert, keyMetricsKey,
	keySlack, keyWebhook, keyWebhookToken, keyMailPassword, keyGrafanaToken,
}

var rolloutKeywords = map[string]keyword{
	keyStore:   {name: keyStore, values: []string{"postgres", "envfile", "flagd"}},
	keyMailTLS: {name: keyMailTLS, values: []string{"starttls", "tls", "none"}},
}

// resolveRollout settles where the flag is and who is asked and told.
func (l *loader) resolveRollout() {
	l.fill(keyStore, "postgres", sourceDefault)
	if l.text(keyStore) == "envfile" {
		l.fill(keyApply, defaultApply, sourceDefault)
	}
	r := &l.config.Rollout
	r.Store, r.File = l.text(keyStore), l.text(keyStoreFile)
	if r.Store != "postgres" && r.File == "" {
		l.problems.add("set rollout.file in clipperops.yaml to the file that holds the flag", "rollout.store is %s, and rollout.file is not set", r.Store)
	}
	if apply := l.text(keyApply); apply != "none" {
		r.Apply = strings.Fields(apply)
		if strings.ContainsAny(apply, `'"`) {
			l.problems.add("write the command into a script and name that", "rollout.apply holds a quote, and no shell reads it")
		}
	}
	r.Instances = l.addresses(keyInstances, "http", "https", "dns+http", "dns+https", "compose+http", "compose+https")
	r.Metrics = Metrics{
		URL: l.address(keyMetricsURL), User: l.text(keyMetricsUser), PasswordFile: l.secretFile(keyMetricsPassword),
		TokenFile: l.secretFile(keyMetricsToken), Tenant: l.text(keyTenant),
		CAFile: l.text(keyMetricsCA), CertFile: l.text(keyMetricsCert), KeyFile: l.text(keyMetricsKey),
		Targets: l.addresses(keyTargets, "http", "https", "dns+http", "dns+https", "compose+http", "compose+https"), Dir: l.text(keyMetricsDir),
	}
	if r.Metrics.User != "" && r.Metrics.TokenFile != "" {
		l.problems.add("keep one of metrics.user and metrics.token_file", "metrics.user and metrics.token_file are both set")
	}
	r.Notify = Notify{
		Slack: l.secretFile(keySlack), Webhook: l.secretFile(keyWebhook), WebhookToken: l.secretFile(keyWebhookToken),
		Grafana: l.address(keyGrafana), GrafanaToken: l.secretFile(keyGrafanaToken), Mail: l.mail(),
	}
}

func (l *loader) mail() Mail {
	l.fill(keyMailTLS, "starttls", sourceDefault)
	m := Mail{
		Host: l.text(keyMailHost), User: l.text(keyMailUser), Password: l.secretFile(keyMailPassword),
		From: l.text(keyMailFrom), To: words(l.text(keyMailTo)), TLS: l.text(keyMailTLS), Port: 587,
	}
	if text := l.text(keyMailPort); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			l.problems.add("set notify.mail_port to a number from 1 to 65535", "notify.mail_port is no port")
		}
		m.Port = int(port)
	}
	if m.Host != "" && (m.From == "" || len(m.To) == 0) {
		l.problems.add("set notify.mail_from and notify.mail_to", "notify.mail_host is set, but not who writes to whom")
	}
	return m
}

// address reads one URL of a server.
func (l *loader) address(key string) string {
	list := l.addresses(key, "http", "https")
	if len(list) > 1 {
		l.problems.add("keep one of them", "%s holds %d URLs; one is used", key, len(list))
	}
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// addresses reads URLs between spaces or commas. A password in one would be shown.
func (l *loader) addresses(key string, schemes ...string) []string {
	list := words(l.text(key))
	for _, text := range list {
		u, err := url.Parse(text)
		known := false
		for _, s := range schemes {
			known = known || err == nil && u.Scheme == s
		}
		switch {
		case err != nil || !known || u.Hostname() == "":
			l.problems.add("write URLs such as http://backend-1:8080, with spaces between them", "%s holds something that is no URL beginning with %s", key, strings.Join(schemes, ", "))
		case u.User != nil:
			l.problems.add("keep the password in a file of its own", "%s holds a user name or a password", key)
		}
	}
	return list
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}

// rolloutSettings lists those that are set, and the store, which always is.
func (l *loader) rolloutSettings() []Setting {
	var list []Setting
	for _, key := range rolloutKeys {
		if _, set := l.settled[key]; set {
			list = append(list, l.setting(key, "", sourceNone))
		}
	}
	return list
}
