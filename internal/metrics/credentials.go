package metrics

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// credentials are what a question is sent with. Those in files are read anew each
// time: they are replaced while we run.
type credentials struct {
	o Options

	mu   sync.Mutex
	seen map[string]bool // what must not be shown
}

func newCredentials(o *Options, address *url.URL) (*credentials, error) {
	c := &credentials{o: *o, seen: map[string]bool{}}
	token, basic := o.BearerToken != "" || o.BearerTokenFile != "", o.Username != "" || o.Password != "" || o.PasswordFile != ""
	switch {
	case token && basic:
		return nil, errors.New("both a bearer token and a user name are given for Prometheus; one of them is to be left out")
	case o.BearerToken != "" && o.BearerTokenFile != "":
		return nil, errors.New("both a bearer token and a file with one are given for Prometheus; one of them is to be left out")
	case o.Password != "" && o.PasswordFile != "":
		return nil, errors.New("both a password and a file with one are given for Prometheus; one of them is to be left out")
	case basic && (o.Username == "" || strings.Contains(o.Username, ":")):
		return nil, errors.New("a password for Prometheus goes with a user name, which has no colon")
	case (o.CertFile == "") != (o.KeyFile == ""):
		return nil, errors.New("a client certificate for Prometheus is two files, certificate and key")
	case address.Scheme == "http" && (o.CAFile != "" || o.CertFile != "" || o.ServerName != ""):
		return nil, errors.New("certificates are given for Prometheus, but its address begins with http://")
	case !headerValue(o.Tenant):
		return nil, errors.New("the tenant for Prometheus has characters that a header cannot hold")
	}
	// What cannot be read or sent is told at the start, not by the first gate.
	return c, c.set(http.Header{})
}

// set puts the credentials into a request's header.
func (c *credentials) set(h http.Header) error {
	if c.o.Tenant != "" {
		h.Set("X-Scope-OrgID", c.o.Tenant)
	}
	if c.o.BearerToken != "" || c.o.BearerTokenFile != "" {
		token, err := c.secret(c.o.BearerToken, c.o.BearerTokenFile, "the bearer token")
		if err != nil {
			return err
		}
		h.Set("Authorization", "Bearer "+token)
	}
	if c.o.Username != "" {
		password, err := c.secret(c.o.Password, c.o.PasswordFile, "the password")
		if err != nil {
			return err
		}
		pair := base64.StdEncoding.EncodeToString([]byte(c.o.Username + ":" + password))
		c.remember(pair)
		h.Set("Authorization", "Basic "+pair)
	}
	return nil
}

func (c *credentials) secret(value, file, what string) (string, error) {
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("%s for Prometheus cannot be read: %w", what, err)
		}
		if value = strings.TrimSpace(string(raw)); value == "" {
			return "", fmt.Errorf("%s for Prometheus: %s is empty", what, file)
		}
	}
	if !headerValue(value) {
		return "", fmt.Errorf("%s for Prometheus has characters that a header cannot hold", what)
	}
	c.remember(value)
	return value, nil
}

func (c *credentials) remember(secret string) {
	if secret != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen[secret] = true
	}
}

// hide takes every secret that was sent out of a text.
func (c *credentials) hide(s string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for secret := range c.seen {
		s = strings.ReplaceAll(s, secret, "***")
	}
	return s
}

func headerValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// authenticated sends the credentials, to the configured server alone, and bounds
// what comes back.
type authenticated struct {
	next    *http.Transport
	to      *url.URL
	secrets *credentials
}

// RoundTrip implements http.RoundTripper.
func (a *authenticated) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != a.to.Host || req.URL.Scheme != a.to.Scheme {
		return nil, fmt.Errorf("a question for %s was to go to %s", a.to.Host, req.URL.Host)
	}
	req = req.Clone(req.Context())
	if err := a.secrets.set(req.Header); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a round tripper closes it, also when it fails
		}
		return nil, err
	}
	resp, err := a.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &bounded{ReadCloser: resp.Body, left: maxAnswer}
	return resp, nil
}

// CloseIdleConnections lets http.Client close those of the transport.
func (a *authenticated) CloseIdleConnections() { a.next.CloseIdleConnections() }

func newTransport(o Options) (*http.Transport, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if o.CAFile != "" {
		raw, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("the certificates for Prometheus cannot be read: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("the certificates for Prometheus: %s holds none in PEM", o.CAFile)
		}
	}
	if o.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("the client certificate for Prometheus cannot be used: %w", err)
			}
			return &pair, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		// At each handshake anew: certificates are short-lived.
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        secure,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16, // gates are asked about side by side
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}, nil
}
