package twitch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Where Twitch is.
const (
	DefaultURL     = "https://api.twitch.tv/helix"
	DefaultAuthURL = "https://id.twitch.tv/oauth2"
)

// Config is what a Client needs. ClientID is the only field without a default.
type Config struct {
	URL          string // DefaultURL
	AuthURL      string // DefaultAuthURL
	ClientID     string
	ClientSecret Token // needed by Refresh alone

	Attempts int           // how often one operation may be sent; 4
	Timeout  time.Duration // of one attempt; 5 s
	Deadline time.Duration // of one operation whose context has no deadline; 15 s

	// Dial replaces net.Dialer, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c Config) withDefaults() Config {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	if c.AuthURL == "" {
		c.AuthURL = DefaultAuthURL
	}
	if c.Attempts == 0 {
		c.Attempts = 4
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Deadline == 0 {
		c.Deadline = 15 * time.Second
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	c.URL, c.AuthURL = strings.TrimRight(c.URL, "/"), strings.TrimRight(c.AuthURL, "/")
	return c
}

// Validate names every mistake.
func (c Config) Validate() error {
	c = c.withDefaults()
	var wrong []error
	if c.ClientID == "" {
		wrong = append(wrong, errors.New("the Twitch client id is missing"))
	}
	for _, base := range []struct{ name, url string }{{"API", c.URL}, {"OAuth", c.AuthURL}} {
		u, err := url.Parse(base.url)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			wrong = append(wrong, fmt.Errorf("the URL of Twitch's %s must be http(s)://host/path without user, query and fragment", base.name))
		}
	}
	if c.Attempts < 1 || c.Attempts > 10 {
		wrong = append(wrong, fmt.Errorf("attempts is %d; allowed are 1 to 10", c.Attempts))
	}
	if c.Timeout < 0 || c.Deadline < 0 {
		wrong = append(wrong, errors.New("a time limit is negative"))
	}
	return errors.Join(wrong...)
}

// Client talks to Twitch. It is safe for concurrent use.
type Client struct {
	config    Config
	http      *http.Client
	transport *http.Transport
	api, auth *gobreaker.CircuitBreaker[answer]
	gates     gates
}

// New makes a client; it asks nothing yet.
func New(config Config) (*Client, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	transport := &http.Transport{
		DialContext:            config.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    3 * time.Second,
		ResponseHeaderTimeout:  config.Timeout,
		IdleConnTimeout:        60 * time.Second,
		MaxIdleConnsPerHost:    16,
		MaxConnsPerHost:        64,
		MaxResponseHeaderBytes: maxBody,
	}
	return &Client{
		config:    config,
		transport: transport,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		api:   newBreaker("twitch api"),
		auth:  newBreaker("twitch oauth"),
		gates: gates{now: time.Now},
	}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }
