package instances

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/clipper/clipperops/internal/featureflag"
)

const (
	// path is where an instance tells of its flags.
	path = "/api/v1/features"
	// askTimeout is how long one may take to answer.
	askTimeout = 2 * time.Second
	// maxAnswer bounds the answer; a flag takes about 200 bytes.
	maxAnswer = 1 << 20
	// maxTold bounds what is told of an instance's own words.
	maxTold = 200
	// unknownFlag is the problem of an instance whose store has no such flag.
	unknownFlag = "it does not know the flag"
)

// View is a flag as one instance sees it.
type View struct {
	// Address is the instance's base URL, Name what it calls itself.
	Address string `json:"address"`
	Name    string `json:"instance,omitempty"`
	// Known says that the instance answered and has the flag.
	Known      bool                   `json:"known"`
	Enabled    bool                   `json:"enabled"`
	Percentage featureflag.Percentage `json:"percentage"`
	Users      int                    `json:"enabled_users"`
	Version    int64                  `json:"version"`
	Since      time.Time              `json:"since,omitzero"`
	// Stale says that it cannot read its store; Problem what is wrong.
	Stale   bool   `json:"stale,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// answer is what an instance says.
type answer struct {
	Instance string `json:"instance"`
	Stale    bool   `json:"stale"`
	Error    string `json:"error"`
	Flags    []struct {
		Key        string                 `json:"key"`
		Enabled    bool                   `json:"enabled"`
		Percentage featureflag.Percentage `json:"percentage"`
		Users      int                    `json:"enabled_users"`
		Version    int64                  `json:"version"`
		Since      time.Time              `json:"since"`
	} `json:"flags"`
}

// Client asks instances. Client.HTTP nil is a client of its own.
type Client struct {
	Places Places
	HTTP   *http.Client
}

// Ask asks every instance for the flag, all at once.
func (c Client) Ask(ctx context.Context, flag string) ([]View, error) {
	addresses, err := c.Places.Find(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(addresses))
	var asked sync.WaitGroup
	for i, address := range addresses {
		asked.Go(func() { views[i] = c.one(ctx, address, flag) })
	}
	asked.Wait()
	return views, ctx.Err()
}

func (c Client) one(ctx context.Context, address, flag string) View {
	v := View{Address: address}
	a, err := c.get(ctx, address+path)
	if err != nil {
		v.Problem = err.Error()
		return v
	}
	v.Name, v.Stale = plain(a.Instance), a.Stale
	if a.Stale {
		v.Problem = plain(a.Error)
	}
	for _, f := range a.Flags {
		if f.Key == flag {
			v.Known, v.Enabled, v.Percentage, v.Users, v.Version, v.Since = true, f.Enabled, f.Percentage, f.Users, f.Version, f.Since
		}
	}
	if !v.Known && v.Problem == "" {
		v.Problem = unknownFlag
	}
	return v
}

func (c Client) get(ctx context.Context, url string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	// What another host says is not what this instance sees.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return nil, told(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, told(err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answered %s", plain(resp.Status))
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, errors.New("it answered something that is not what " + path + " says")
	}
	return &a, nil
}

// told is an error without the URL, which stands beside it.
func told(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", askTimeout)
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err
	}
	return err
}

// plain is what somebody else says, fit for a terminal: one line, not too long.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(strings.ToValidUTF8(text, "")))
	if runes := []rune(text); len(runes) > maxTold {
		return string(runes[:maxTold]) + "…"
	}
	return text
}
