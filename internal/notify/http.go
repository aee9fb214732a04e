package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// endpoint is where a channel posts JSON to.
type endpoint struct {
	url    string // secret in parts, so it is in no error
	host   string
	bearer string
	client *http.Client
	own    bool // the client is nobody else's
}

// newEndpoint checks the URL. name is the channel's, for errors, which show nothing of
// the URL: in a webhook's it is the path that gives access.
func newEndpoint(name, text, bearer string, client *http.Client) (*endpoint, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("the URL of %s is not http://… or https://…", name)
	}
	if u.User != nil {
		return nil, fmt.Errorf("the URL of %s has a user or a password in it; use a token", name)
	}
	e := &endpoint{url: u.String(), host: u.Host, bearer: bearer}
	if client == nil {
		client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}}
		e.own = true
	}
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	e.client = &c
	return e, nil
}

func (e *endpoint) close() {
	if e.own {
		e.client.CloseIdleConnections()
	}
}

// post sends the value and returns the beginning of the answer when that is a refusal.
func (e *endpoint) post(ctx context.Context, value any) (refusal []byte, err error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, &failure{reason: "the message cannot be written as JSON", final: true}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{reason: "the URL cannot be asked", final: true}
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "clipperops")
	if e.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+e.bearer)
	}
	response, err := e.client.Do(request)
	if err != nil {
		return nil, &failure{reason: e.host + " " + why(err)}
	}
	defer func() { _ = response.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10)) // read, so that the connection can be used again
	return answer, judge(e.host, response)
}

// judge says what the answer's status means.
func judge(host string, r *http.Response) error {
	f := &failure{reason: fmt.Sprintf("%s answered %d %s", host, r.StatusCode, http.StatusText(r.StatusCode))}
	switch {
	case r.StatusCode/100 == 2:
		return nil
	case r.StatusCode/100 == 3:
		f.reason += "; redirects are not followed, because what gives access would be sent along"
		f.final = true
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode >= 500:
		f.after = retryAfter(r.Header.Get("Retry-After"), time.Now())
	case r.StatusCode == http.StatusRequestTimeout:
	default:
		f.final = true
	}
	return f
}

// retryAfter reads seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// why is what went wrong on the way, in words that have nothing of the URL: the
// client's own error quotes it.
func why(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "did not answer in time"
	case errors.Is(err, context.Canceled):
		return "was not waited for any longer"
	case errors.As(err, &dns):
		return "is not known to DNS, or DNS does not answer"
	case errors.As(err, &op) && op.Op == "dial":
		return "cannot be reached: " + op.Err.Error()
	case errors.As(err, &op):
		return "broke the connection: " + op.Err.Error()
	}
	var whole *url.Error
	if errors.As(err, &whole) && whole.Err != nil {
		if errors.Is(whole.Err, io.EOF) || errors.Is(whole.Err, io.ErrUnexpectedEOF) {
			return "broke the connection"
		}
		// Other texts quote what the server said, which may be what it was told.
		if text := whole.Err.Error(); strings.HasPrefix(text, "tls: ") || strings.HasPrefix(text, "x509: ") {
			return "is not trusted: " + text
		}
	}
	return "cannot be asked"
}
