package httpapi_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/html"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/httpapi"
	webpage "github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/schema"
	"github.com/clipper/clipperops/moderation/tokens"
	"github.com/clipper/clipperops/moderation/twitch"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

// channelPage is the service with a channel in it, and a stand-in for Twitch.
type channelPage struct {
	*service
	helix      *twitchtest.Server
	store      *tokens.Store
	off        atomic.Bool // the flag
	maintained atomic.Bool

	channel                 string    // its Twitch id
	broadcaster, channelMod uuid.UUID // both with a Twitch session
	stranger                uuid.UUID // with a Twitch session, and nothing to do with the channel
	commenter               uuid.UUID // seen in the channel
	commenterTwitch         string
}

func newChannelPage(t *testing.T, change ...func(*httpapi.Dependencies)) *channelPage {
	t.Helper()
	p := &channelPage{helix: twitchtest.New(twitchtest.Options{TellsModerators: true}), channel: "700000001", commenterTwitch: "700000004"}
	fake := httptest.NewServer(p.helix)
	t.Cleanup(fake.Close)
	keys, err := tokens.NewKeyring(tokens.Random())
	if err != nil {
		t.Fatal(err)
	}
	client, err := twitch.New(twitch.Config{URL: fake.URL + "/helix", AuthURL: fake.URL + "/oauth2", ClientID: "client"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p.service = newService(t, append(change, func(d *httpapi.Dependencies) {
		d.Flag = func(uuid.UUID) bool { return !p.off.Load() }
		d.Maintenance = p.maintained.Load
		p.store = tokens.NewStore(d.Pool, keys)
		d.Bans = bans.New(bans.Config{
			Pool: d.Pool, Audit: d.Audit, Sessions: p.store, Twitch: client, On: d.Flag, Counters: d.Metrics, Log: d.Log,
		})
	})...)
	if err := schema.Setup(t.Context(), pgtest.Connect(t, p.target)); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, p.target, "DELETE FROM users WHERE twitch_id LIKE '7000000%'")
	p.broadcaster = p.addUser("streamer", "The Streamer", p.channel)
	p.channelMod = p.addUser("helper", "Helper", "700000002")
	p.stranger = p.addUser("stranger", "Stranger", "700000003")
	p.commenter = p.addUser("commenter", "Commenter", p.commenterTwitch)
	for id, twitchID := range map[uuid.UUID]string{p.broadcaster: p.channel, p.channelMod: "700000002", p.stranger: "700000003"} {
		p.link(id, twitchID)
	}
	p.helix.AddModerator(p.channel, "700000002")
	p.clip()
	p.comments(p.commenter)
	return p
}

func (p *channelPage) addUser(username, name, twitchID string) uuid.UUID {
	p.t.Helper()
	return uuid.MustParse(pgtest.QueryValue[string](p.t, p.target,
		`INSERT INTO users (twitch_id, username, display_name) VALUES ($1, $2, $3) RETURNING id::text`, twitchID, username, name))
}

func (p *channelPage) clip() {
	p.t.Helper()
	pgtest.Exec(p.t, p.target, `INSERT INTO clips (twitch_clip_id, twitch_clip_url, embed_url, title, creator_name, creator_id, broadcaster_name, broadcaster_id, created_at)
		VALUES ('page-clip', 'x', 'x', 't', 'c', $1, 'The Streamer', $1, now())`, p.channel)
}

// comments lets users be seen in the channel.
func (p *channelPage) comments(users ...uuid.UUID) {
	p.t.Helper()
	for _, u := range users {
		pgtest.Exec(p.t, p.target, `INSERT INTO comments (clip_id, user_id, content) SELECT id, $1, 'x' FROM clips WHERE twitch_clip_id = 'page-clip'`, u)
	}
}

// link gives a user a Twitch session that may ban.
func (p *channelPage) link(user uuid.UUID, twitchID string) {
	p.t.Helper()
	scopes := []string{twitch.ScopeManageBans, twitch.ScopeReadModeration}
	p.helix.AddToken(twitchtest.Token{Access: "t" + twitchID, UserID: twitchID, Scopes: scopes})
	err := p.store.Put(p.t.Context(), tokens.Session{
		UserID: user, TwitchUserID: twitchID, Access: twitch.NewToken("t" + twitchID), Scopes: scopes, ExpiresAt: time.Now().Add(4 * time.Hour),
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// browser is a person's browser: it keeps cookies and does not follow redirects by
// itself.
type browser struct {
	p       *channelPage
	cookies map[string]string
	headers map[string]string // what it sends besides
}

func (p *channelPage) browser(user uuid.UUID) *browser {
	b := &browser{p: p, cookies: map[string]string{}, headers: map[string]string{"Sec-Fetch-Site": "same-origin"}}
	if user != uuid.Nil {
		b.cookies["clipper_session"] = token(user)
	}
	return b
}

// view is an answer as a person sees it.
type view struct {
	reply
	root *html.Node
}

func (b *browser) do(method, path, kind string, body []byte) view {
	t := b.p.t
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.p.server.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for name, value := range b.headers {
		r.Header.Set(name, value)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	held(t, r, body, answer, text)
	for _, c := range answer.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
			t.Errorf("the cookie %s can be read by scripts or is sent by other sites", c)
		}
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	v := view{reply: reply{t, answer.StatusCode, answer.Header, text}}
	if answer.StatusCode != http.StatusSeeOther {
		if v.root, err = html.Parse(bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		v.sound()
	}
	return v
}

func (b *browser) get(path string) view { return b.do(http.MethodGet, path, "", nil) }

// channel opens the channel's page.
func (b *browser) channel() view { return b.get(webpage.Address(b.p.channel, "", "")) }

// post sends a form.
func (b *browser) post(fields url.Values) view {
	return b.do(http.MethodPost, webpage.Path, "application/x-www-form-urlencoded", []byte(fields.Encode()))
}

// press opens the channel's page and sends the form of the user with this Twitch id
// that has the button, with some fields changed.
func (b *browser) press(user, action string, changed map[string]string) view {
	b.p.t.Helper()
	fields := b.channel().form(user, action)
	for name, value := range changed {
		fields.Set(name, value)
	}
	return b.post(fields)
}

// all are the elements below n for which is is true.
func all(n *html.Node, is func(*html.Node) bool) (found []*html.Node) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && is(d) {
			found = append(found, d)
		}
	}
	return found
}

func tag(names ...string) func(*html.Node) bool {
	return func(n *html.Node) bool {
		for _, name := range names {
			if n.Data == name {
				return true
			}
		}
		return false
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what a person reads in an element.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// sound checks what every page has: its policy, its language, one heading, no script,
// a name for every control.
func (v view) sound() {
	v.t.Helper()
	if got := v.header.Get("Content-Security-Policy"); got != "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'" {
		v.t.Errorf("the policy is %q", got)
	}
	if got := v.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		v.t.Errorf("the page is %q", got)
	}
	if h := all(v.root, tag("h1")); len(h) != 1 {
		v.t.Errorf("%d headings", len(h))
	}
	if l := all(v.root, tag("html")); attribute(l[0], "lang") != "en" {
		v.t.Error("the page does not say its language")
	}
	if s := all(v.root, tag("script", "style", "iframe", "img", "object", "base")); len(s) != 0 {
		v.t.Errorf("the page has a %s", s[0].Data)
	}
	labels, ids := map[string]bool{}, map[string]bool{}
	for _, n := range all(v.root, tag("label")) {
		labels[attribute(n, "for")] = true
	}
	for n := range v.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.Contains(strings.ToLower(a.Val), "javascript:") {
				v.t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
		if id := attribute(n, "id"); id != "" {
			if ids[id] {
				v.t.Errorf("two elements have the id %s", id)
			}
			ids[id] = true
		}
		if (n.Data == "select" || (n.Data == "input" && attribute(n, "type") != "hidden")) && !labels[attribute(n, "id")] {
			v.t.Errorf("a %s has no label", n.Data)
		}
		if n.Data == "button" && text(n) == "" {
			v.t.Error("a button has no name")
		}
	}
}

// controls are the elements with which something could be done to somebody.
func (v view) controls() int {
	n := 0
	for _, f := range all(v.root, tag("form", "button", "details")) {
		switch {
		case f.Data == "form" && attribute(f, "method") == "post", f.Data == "details", attribute(f, "name") == "action":
			n++
		}
	}
	return n
}

// rows are what the table says, by username.
func (v view) rows() map[string]string {
	rows := map[string]string{}
	for _, tr := range all(v.root, tag("tr")) {
		cells := all(tr, tag("th", "td"))
		if at := strings.LastIndex(text(cells[0]), "@"); at >= 0 {
			rows[text(cells[0])[at+1:]] = text(cells[1])
		}
	}
	return rows
}

// form is what a browser sends when the button is pressed.
func (v view) form(user, action string) url.Values {
	v.t.Helper()
	for _, f := range all(v.root, tag("form")) {
		fields, pressed := url.Values{}, false
		for _, n := range all(f, tag("input", "select", "button")) {
			switch {
			case n.Data == "button" && attribute(n, "value") == action:
				pressed = true
				fields.Set("action", action)
			case n.Data == "select":
				for _, o := range all(n, tag("option")) {
					if strings.Contains(fmt.Sprint(o.Attr), "selected") {
						fields.Set(attribute(n, "name"), attribute(o, "value"))
					}
				}
			case n.Data == "input":
				fields.Set(attribute(n, "name"), attribute(n, "value"))
			}
		}
		if pressed && fields.Get("user_id") == user {
			return fields
		}
	}
	v.t.Fatalf("no button %q for %s:\n%s", action, user, v.body)
	return nil
}

// says checks the status and that a person reads this.
func (v view) says(status int, words ...string) view {
	v.t.Helper()
	if v.status != status {
		v.t.Errorf("status %d, want %d: %s", v.status, status, v.body)
	}
	if v.root == nil {
		return v
	}
	for _, w := range words {
		if !strings.Contains(text(v.root), w) {
			v.t.Errorf("the page does not say %q: %s", w, text(v.root))
		}
	}
	return v
}

// failed checks an error's page: it has the request's id.
func (v view) failed(status int, words ...string) view {
	v.t.Helper()
	return v.says(status, append(words, v.header.Get("X-Request-Id"))...)
}

// follow goes where the answer leads, which has to be the page.
func (b *browser) follow(v view) view {
	b.p.t.Helper()
	to := v.header.Get("Location")
	if v.status != http.StatusSeeOther || !strings.HasPrefix(to, webpage.Path+"?") {
		b.p.t.Fatalf("%d to %q: %s", v.status, to, v.body)
	}
	return b.get(to)
}

// twin is a browser with the same cookies.
func (b *browser) twin() *browser {
	return &browser{p: b.p, cookies: maps.Clone(b.cookies), headers: maps.Clone(b.headers)}
}
