package twitch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// request is one thing to ask, as often as it must be asked.
type request struct {
	operation   string
	method      string
	url         string // never holds a secret
	auth        string // the Authorization header
	contentType string
	body        []byte
	broadcaster string  // whose gate it goes through; "" is OAuth's
	secrets     []Token // what no error may show
	breaker     *gobreaker.CircuitBreaker[answer]
}

// answer is what one attempt came to.
type answer struct {
	status int // 0 where there was none
	header http.Header
	body   []byte
	sent   bool // a connection was there: Twitch may have acted
	cut    bool // the body was lost or is too long
	err    error
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// attempt sends once, within the attempt's time limit and through the breaker.
func (c *Client) attempt(ctx context.Context, r request) answer {
	var got answer
	_, err := r.breaker.Execute(func() (answer, error) {
		began := time.Now()
		got = c.send(ctx, r)
		switch {
		case got.status >= 500:
			return got, errFailed
		case got.status != 0:
			return got, nil
		case ctx.Err() != nil && (errors.Is(ctx.Err(), context.Canceled) || time.Since(began) < c.config.Timeout/2):
			return got, errGaveUp
		}
		return got, errFailed
	})
	if isOpen(err) {
		return answer{err: err}
	}
	return got
}

func (c *Client) send(ctx context.Context, r request) answer {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return answer{err: err}
	}
	if r.auth != "" {
		req.Header.Set("Authorization", r.auth)
	}
	req.Header.Set("Client-Id", c.config.ClientID)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "clipper-moderation-api")
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{sent: sent.Load(), err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	got := answer{status: resp.StatusCode, header: resp.Header, body: body, sent: true, err: err, cut: err != nil}
	if len(body) > maxBody {
		got.body, got.cut, got.err = body[:maxBody], true, errTooLong
	}
	return got
}

// failure is the error that an answer which is not good stands for.
func (c *Client) failure(ctx context.Context, r request, a answer, attempts int) *Error {
	e := &Error{Operation: r.operation, Status: a.status, Attempts: attempts, Err: a.err}
	var network net.Error
	switch {
	case a.status != 0:
		e.Message = hide(decodeMessage(a.body), r.secrets)
		e.Kind = kindOf(a.status, e.Message)
		if e.Message == "" {
			e.Message = http.StatusText(a.status)
		}
	case isOpen(a.err):
		e.Kind, e.RetryAfter = CircuitOpen, breakerOpen
		e.Message = "it failed too often a moment ago; nothing was sent"
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind, e.Message = Canceled, "the caller gave up"
	case ctx.Err() != nil, errors.As(a.err, &network) && network.Timeout():
		e.Kind, e.Message = Timeout, "no answer in time"
	default:
		e.Kind, e.Message = Unreachable, hide(oneLine(a.err.Error()), r.secrets)
	}
	if e.Err != nil {
		if text := hide(e.Err.Error(), r.secrets); text != e.Err.Error() {
			e.Err = errors.New(text)
		}
	}
	return e
}
