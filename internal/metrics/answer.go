package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/api"
)

// maxAnswer is how much of an answer is read: a window of a hundred thousand
// samples takes about 3 MB.
const maxAnswer = 32 << 20

// errTooLong says that an answer was longer than that.
var errTooLong = fmt.Errorf("the answer is longer than %d MB; select fewer series or a shorter window", maxAnswer>>20)

// judging looks at an answer's status before the API client does, which keeps
// neither the status nor what is in a body that is no Prometheus's.
type judging struct {
	api.Client
	source *prometheus
}

// Do implements api.Client.
func (j *judging) Do(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	resp, body, err := j.Client.Do(ctx, req)
	if err != nil {
		if redirect := (*redirected)(nil); errors.As(err, &redirect) {
			return nil, nil, j.source.unavailable(redirect.Error(), nil)
		}
		if errors.Is(err, errTooLong) {
			return nil, nil, j.source.unavailable(errTooLong.Error(), nil)
		}
		return nil, nil, err
	}
	status := resp.StatusCode
	if status/100 == 2 || status == http.StatusBadRequest || status == http.StatusUnprocessableEntity {
		return resp, body, nil
	}
	told := j.source.unavailable(fmt.Sprintf("it answered %d %s%s", status, http.StatusText(status), advice(status)), nil)
	told.Status = status
	// The response goes along: from 405 the client goes on with GET.
	return resp, nil, told
}

// advice is what to do about a status.
func advice(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return ": it wants to know who asks; give a bearer token or a user name and password, or see whether they are still valid"
	case status == http.StatusForbidden:
		return ": it knows who asks and refuses; let this account read metrics, or see whether the tenant is right"
	case status == http.StatusNotFound:
		return ": there is no Prometheus at this path; see whether the address lacks a prefix"
	case status == http.StatusTooManyRequests:
		return ": it is asked too often"
	case status >= 500:
		return ": it is starting, overloaded or broken; its own log says more"
	}
	return ""
}

// redirected says that the server sent us elsewhere. We do not go: the tenant and
// the credentials are for the address that was configured.
type redirected struct{ to string }

func (e *redirected) Error() string {
	return "it redirects to " + plain(e.to, 200) + ", which is not followed; if that is the right server, configure its address"
}

func refuseRedirect(req *http.Request, _ []*http.Request) error {
	elsewhere := url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Path: req.URL.Path}
	return &redirected{to: elsewhere.String()}
}

// bounded reads no more than it may.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// withoutAddress is a request's error without the URL, which the source's name
// has already.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func parseAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("the address of Prometheus is not given; for example https://prometheus.internal:9090")
	case err != nil: // its text would show a password
		return nil, errors.New("the address of Prometheus is not a URL; for example https://prometheus.internal:9090")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("the address of Prometheus begins with http:// or https:// and names a host; for example https://prometheus.internal:9090")
	case u.User != nil:
		return nil, errors.New("the address of Prometheus holds a user name; give it and the password apart from the address, which is shown")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the address of Prometheus ends before any ? or #")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}
