package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/net/html"

	"github.com/clipper/clipperops/internal/pgtest"
	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/httpapi"
	webpage "github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/twitch/twitchtest"
)

// TestWhoSeesTheControls: nobody finds a control in the page that would be refused,
// and whoever sends a form without one does nothing.
func TestWhoSeesTheControls(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	banned := p.addUser("outcast", "Outcast", "700000009")
	pgtest.Exec(t, p.target, "UPDATE users SET is_banned = true WHERE id = $1", banned)
	for _, c := range []struct {
		who        string
		user       uuid.UUID
		off, work  bool // the flag is off; maintenance
		status     int
		controls   bool
		says, code string
	}{
		{who: "broadcaster", user: p.broadcaster, status: 200, controls: true},
		{who: "moderator of the channel", user: p.channelMod, status: 200, controls: true},
		{who: "broadcaster, flag off", user: p.broadcaster, off: true, status: 200, code: "FEATURE_DISABLED"},
		{who: "broadcaster, maintenance", user: p.broadcaster, work: true, status: 200, says: "nothing can be changed", code: "MAINTENANCE"},
		{who: "moderator of the channel, flag off", user: p.channelMod, off: true, status: 403, says: "FEATURE_DISABLED", code: "FEATURE_DISABLED"},
		{who: "Clipper's moderator", user: p.moderator, status: 200, says: "moderators do not act on Twitch", code: "SITE_MODERATORS_READ_ONLY"},
		{who: "Clipper's moderator, flag off", user: p.moderator, off: true, status: 200, code: "FEATURE_DISABLED"},
		{who: "admin without a Twitch account", user: p.admin, status: 200, says: "You have not linked a Twitch account", code: "NOT_AUTHENTICATED"},
		{who: "stranger", user: p.stranger, status: 403, says: "NOT_MODERATOR", code: "NOT_MODERATOR"},
		{who: "stranger, flag off", user: p.stranger, off: true, status: 403, says: "FEATURE_DISABLED", code: "FEATURE_DISABLED"},
		{who: "user without a Twitch session", user: p.commenter, status: 403, says: "not linked a Twitch account", code: "NOT_AUTHENTICATED"},
		{who: "banned user", user: banned, status: 403, says: "You are banned", code: "USER_BANNED"},
		{who: "nobody", status: 401, says: "Sign in to Clipper", code: "NOT_AUTHENTICATED"},
	} {
		p.off.Store(c.off)
		p.maintained.Store(c.work)
		v := p.browser(c.user).channel().says(c.status, c.says)
		_, listed := v.rows()["commenter"]
		if listed != (c.status == 200) {
			t.Errorf("%s: the list is shown: %v", c.who, listed)
		}
		if n := v.controls(); (n > 0) != c.controls {
			t.Errorf("%s: %d controls", c.who, n)
		}
		if c.off && c.status == 200 && (strings.Contains(text(v.root), "list alone") || strings.Contains(text(v.root), "Twitch channels")) {
			t.Errorf("%s: the page tells of what is off: %s", c.who, text(v.root))
		}
		if c.controls {
			if f := v.form(p.commenterTwitch, "ban"); f.Get("token") == "" {
				t.Errorf("%s: no token", c.who)
			}
			for _, n := range all(v.root, tag("input")) {
				if attribute(n, "name") == "user_id" && attribute(n, "value") != p.commenterTwitch {
					t.Errorf("%s: there are controls for %s", c.who, attribute(n, "value"))
				}
			}
			continue
		}
		// Even a form with the user's own token does nothing.
		sent := p.browser(c.user).post(url.Values{
			"broadcaster_id": {p.channel}, "user_id": {p.commenterTwitch}, "action": {"ban"}, "token": {p.ownToken(c.user)},
		})
		sent.failed(sent.status, c.code)
		if sent.status < 400 {
			t.Errorf("%s: the form is answered %d", c.who, sent.status)
		}
	}
	if n := p.helix.Applied(); n != 0 {
		t.Errorf("%d changes on Twitch", n)
	}
}

// ownToken is a form's token of this user.
func (p *channelPage) ownToken(user uuid.UUID) string {
	p.t.Helper()
	s, err := webpage.NewSeals(secret)
	if err != nil {
		p.t.Fatal(err)
	}
	return s.Seal(webpage.Bound{Purpose: "form", User: user.String(), Channel: p.channel}, "", 1<<40)
}

// TestTimeoutBanAndUnban by the page's forms: done on Twitch, told once, recorded as
// the API's own.
func TestTimeoutBanAndUnban(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	b := p.browser(p.broadcaster)
	if s := b.channel().rows()["commenter"]; s != "Free" {
		t.Errorf("at first the user is %q", s)
	}
	done := b.follow(b.press(p.commenterTwitch, "timeout", map[string]string{"duration": "3600", "reason": "be nice"})).
		says(200, "Commenter is timed out for 1 hour.", "Timed out until")
	if notice := all(done.root, func(n *html.Node) bool { return attribute(n, "role") == "status" }); len(notice) != 1 {
		t.Errorf("%d notices", len(notice))
	}
	again := b.channel()
	if strings.Contains(text(again.root), "is timed out for") {
		t.Error("the notice is shown twice")
	}
	if bans := p.helix.Bans(); len(bans) != 1 || bans[0].EndTime == nil || bans[0].Reason != "be nice" || bans[0].UserID != p.commenterTwitch || bans[0].ModeratorID != p.channel {
		t.Errorf("Twitch has %+v", bans)
	}
	b.follow(b.press(p.commenterTwitch, "ban", nil)).says(200, "Commenter is banned for good.", "Banned since")
	if bans := p.helix.Bans(); len(bans) != 1 || bans[0].EndTime != nil {
		t.Errorf("Twitch has %+v", bans)
	}
	v := b.channel()
	for _, n := range all(v.root, tag("button")) {
		if a := attribute(n, "value"); a == "timeout" || a == "ban" {
			t.Errorf("who is banned can be given a %s, which Twitch refuses", a)
		}
	}
	mod := p.browser(p.channelMod)
	mod.follow(mod.press(p.commenterTwitch, "unban", nil)).says(200, "Commenter is unbanned.", "Free")
	if bans := p.helix.Bans(); len(bans) != 0 {
		t.Errorf("Twitch has %+v", bans)
	}
	if bans, unbans := p.audited(auditlog.TwitchBan, auditlog.Applied), p.audited(auditlog.TwitchUnban, auditlog.Applied); bans != 2 || unbans != 1 {
		t.Errorf("%d bans and %d unbans are recorded", bans, unbans)
	}

	// What is refused by Twitch changes nothing here, and is said on a page with the way back.
	p.helix.Protect(p.commenterTwitch)
	failed := b.press(p.commenterTwitch, "ban", nil).failed(502, "Twitch could not do it", "This user cannot be banned in this channel.")
	if a := all(failed.root, tag("a")); len(a) != 1 || attribute(a[0], "href") != webpage.Address(p.channel, "", "") {
		t.Error("there is no way back to the list")
	}
	if s := b.channel().rows()["commenter"]; s != "Free" {
		t.Errorf("after a refusal the user is %q", s)
	}
	p.helix.Fail(twitchtest.Fault{Kind: twitchtest.Status, Status: 401, Route: "POST /helix/moderation/bans", Times: 1})
	b.press(p.commenterTwitch, "timeout", nil).failed(403, "Your Twitch session is over")
	if strings.Contains(p.log.String(), "be nice") || strings.Contains(p.log.String(), "Commenter") {
		t.Error("the log has texts of users")
	}
}

// TestFormsOfOthers are refused: other sites', other users', other channels', made up.
func TestFormsOfOthers(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	b := p.browser(p.broadcaster)
	good := b.channel().form(p.commenterTwitch, "ban")
	with := func(name, value string) url.Values {
		f := url.Values{}
		for n, v := range good {
			f[n] = v
		}
		if f.Set(name, value); value == "" {
			f.Del(name)
		}
		return f
	}
	token := good.Get("token")
	for name, f := range map[string]url.Values{
		"no token":            with("token", ""),
		"a made up token":     with("token", strings.Repeat("A", len(token))),
		"a token cut short":   with("token", token[:len(token)-4]),
		"another user's":      with("token", p.browser(p.channelMod).channel().form(p.commenterTwitch, "ban").Get("token")),
		"of another channel":  with("broadcaster_id", "700000003"),
		"a session's token":   with("token", b.cookies["clipper_session"]),
		"with a last letter ": with("token", token[:len(token)-1]+"_"),
	} {
		if v := b.post(f); v.status != 403 {
			t.Errorf("%s: %d", name, v.status)
		}
	}
	if n := p.audited(auditlog.TwitchBan, auditlog.Refused); n != 7 {
		t.Errorf("%d refusals are recorded, want 7", n)
	}

	// What a browser says of other sites is believed before anything is looked at.
	for name, headers := range map[string]map[string]string{
		"cross-site":   {"Sec-Fetch-Site": "cross-site"},
		"same-site":    {"Sec-Fetch-Site": "same-site"},
		"Origin alone": {"Origin": "https://evil.example"},
		"Origin null":  {"Origin": "null"},
	} {
		other := b.twin()
		other.headers = headers
		if v := other.post(good).failed(403, "sent from another site"); len(all(v.root, tag("form"))) != 0 {
			t.Errorf("%s: the answer has a form", name)
		}
	}
	if n := p.audited(auditlog.TwitchBan, auditlog.Refused); n != 7 {
		t.Errorf("another site adds rows to the audit log: %d", n)
	}

	// The cookie is no session for the API, and the bearer none for the page.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.server.URL+"/api/v1/moderation/twitch/ban",
		strings.NewReader(`{"broadcasterID":"700000001","userID":"700000004"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.AddCookie(&http.Cookie{Name: "clipper_session", Value: b.cookies["clipper_session"]})
	p.send(r).wants(401, problem.NotAuthenticated)
	script := p.browser(uuid.Nil)
	script.headers["Authorization"] = "Bearer " + b.cookies["clipper_session"]
	script.channel().failed(401)
	script.post(good).failed(401)

	// Of two sessions nobody can tell which is the user's.
	two := b.twin()
	two.headers["Cookie"] = "clipper_session=" + b.cookies["clipper_session"] + "; clipper_session=" + b.cookies["clipper_session"]
	two.cookies = nil
	two.channel().failed(401)
	if n := p.helix.Requests("POST /helix/moderation/bans"); n != 0 {
		t.Errorf("Twitch was asked %d times", n)
	}
	b.post(good).says(303)
}

// TestNoticesAreNotForged: words in the page are the service's own.
func TestNoticesAreNotForged(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	b := p.browser(p.broadcaster)
	const cookie = "clipper_moderation_notice"
	b.press(p.commenterTwitch, "timeout", nil).says(303)
	sealed := b.cookies[cookie]
	for name, c := range map[string]struct {
		user  uuid.UUID
		value string
	}{
		"made up":        {p.broadcaster, "UGF5IG1l"},
		"a form's token": {p.broadcaster, p.ownToken(p.broadcaster)},
		"another user's": {p.channelMod, sealed},
		"changed":        {p.broadcaster, sealed[:len(sealed)-6] + "AAAAAA"},
	} {
		other := p.browser(c.user)
		other.cookies[cookie] = c.value
		v := other.channel().says(200)
		if n := all(v.root, func(n *html.Node) bool { return attribute(n, "role") == "status" }); len(n) != 0 {
			t.Errorf("%s: the page says %q", name, text(n[0]))
		}
		if _, kept := other.cookies[cookie]; kept {
			t.Errorf("%s: the cookie stays", name)
		}
	}
	b.channel().says(200, "Commenter is timed out for 10 minutes.")
}

// TestTheNoticesCookieIsSecure where the browser came by https, in the word of a proxy
// that is trusted.
func TestTheNoticesCookieIsSecure(t *testing.T) {
	t.Parallel()
	for trusted, headers := range map[bool]map[string]string{
		false: {"X-Forwarded-Proto": "https"},
		true:  {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"},
	} {
		t.Run(fmt.Sprint(trusted), func(t *testing.T) {
			t.Parallel()
			p := newChannelPage(t, func(d *httpapi.Dependencies) {
				if trusted {
					d.TrustedProxies = loopback
				}
			})
			b := p.browser(p.broadcaster)
			form := b.channel().form(p.commenterTwitch, "timeout")
			maps.Copy(b.headers, headers)
			if got := b.post(form).header.Get("Set-Cookie"); strings.Contains(got, "; Secure") != trusted {
				t.Errorf("the cookie is %q", got)
			}
		})
	}
}

// TestThePageWithoutItsTables: during a migration it says when to come again.
func TestThePageWithoutItsTables(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	b := p.browser(p.broadcaster)
	pgtest.Exec(t, p.target, "ALTER TABLE comments RENAME TO comments_away")
	v := b.channel().failed(503, "NOT_READY", "You can try again in 2 seconds")
	if v.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q", v.header.Get("Retry-After"))
	}
	pgtest.Exec(t, p.target, "ALTER TABLE comments_away RENAME TO comments")
	b.channel().says(200)
}

// TestHostileNames are shown as they are, and do nothing.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	names := map[string]string{ // by Twitch id
		"710000001": `<script>alert(1)</script>`,
		"710000002": `"><img src=x onerror=alert(1)>`,
		"710000003": `</bdi></table><form method=post>`,
		"710000004": "'onfocus='alert(1)",
		"710000005": "{{.Token}}",
		"710000006": "\u202egnp.exe",
	}
	for id, name := range names {
		p.comments(p.addUser("u"+id, name, id))
	}
	p.comments(p.addUser(`"><script>u`, "", "710000007"), p.addUser("no_number", "No number", `"><script>`))
	b := p.browser(p.broadcaster)
	v := b.channel().says(200)
	for id, name := range names {
		if row := v.rows()["u"+id]; row != "Free" {
			t.Errorf("%s is %q", name, row)
		}
		if v.form(id, "ban").Get("user_id") != id {
			t.Errorf("%s has no form", name)
		}
		if !strings.Contains(text(v.root), name) {
			t.Errorf("%s is not shown as it is", name)
		}
	}
	if _, there := v.rows()[`"><script>u`]; !there {
		t.Error("the user with the hostile user name is not shown")
	}
	if n := len(all(v.root, tag("details"))); n != len(names)+2 { // the commenter's and the hostile user name's
		t.Errorf("%d users can be moderated", n)
	}
	b.follow(b.press("710000001", "ban", nil)).says(200, `<script>alert(1)</script> is banned for good.`)

	pgtest.Exec(t, p.target, "UPDATE users SET display_name = '<script>alert(2)</script>' WHERE id = $1", p.broadcaster)
	searched := b.get(webpage.Address(p.channel, `"><script>u`, "")).says(200, `Users of <script>alert(2)</script>`)
	for _, n := range all(searched.root, tag("input")) {
		if attribute(n, "name") == "q" && attribute(n, "value") != `"><script>u` {
			t.Errorf("the search is shown as %q", attribute(n, "value"))
		}
	}
	b.get(webpage.Address(p.channel, "nobody at all", "")).says(200, "Nobody here has a user name that begins so.")
}

// TestPagesOfUsers: each user once by the links; a form leads back to its page; a
// cursor that was tampered with is an error or another place in the same list.
func TestPagesOfUsers(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	for i := range 60 {
		p.comments(p.addUser(fmt.Sprintf("many%02d", i), "", fmt.Sprint(720000000+i)))
	}
	b := p.browser(p.broadcaster)
	first := b.get(webpage.Address(p.channel, "many", "")).says(200)
	next := all(first.root, func(n *html.Node) bool { return attribute(n, "rel") == "next" })
	if len(first.rows()) != 50 || len(next) != 1 {
		t.Fatalf("%d users and %d next pages", len(first.rows()), len(next))
	}
	second := b.get(attribute(next[0], "href")).says(200, "First page")
	if len(second.rows()) != 10 {
		t.Errorf("%d users on the second page", len(second.rows()))
	}
	for name := range second.rows() {
		if _, twice := first.rows()[name]; twice {
			t.Errorf("%s is on both pages", name)
		}
	}
	form := second.form("720000055", "timeout")
	back := b.follow(b.post(form)).says(200, "many55 is timed out for 10 minutes.")
	if len(back.rows()) != 10 || !strings.HasPrefix(back.rows()["many55"], "Timed out until") {
		t.Errorf("a form does not lead back to its page: %v", back.rows())
	}

	cursor := form.Get("cursor")
	for _, c := range []string{"", "x", cursor[:len(cursor)-3], cursor + "AAAA", "e30", "bnVsbA", strings.Repeat("A", 9000), "eyJVc2VybmFtZSI6IlwidTAwMDAiLCJJRCI6IngifQ"} {
		b.get(webpage.Path+"?broadcaster_id="+p.channel+"&cursor="+url.QueryEscape(c)).failed(400, "cursor")
	}
	for _, q := range []string{
		"", "broadcaster_id=", "broadcaster_id=x", "broadcaster_id=1&broadcaster_id=2", "broadcaster_id=" + strings.Repeat("1", 21),
		"broadcaster_id=1'--", "broadcaster_id=1&page=2", "broadcaster_id=1&q=" + strings.Repeat("a", 51), "broadcaster_id=1&q=%00", "broadcaster_id=1&q=%zz",
	} {
		b.get(webpage.Path+"?"+q).failed(400, "INVALID_REQUEST")
	}
	b.get(webpage.Address("700000003", "", "")).failed(403, "NOT_MODERATOR") // another's channel
	p.browser(p.moderator).get(webpage.Address("799999999", "", "")).says(200, "Channel 799999999", "has not seen anybody")
}

// TestFormsThatAreRefused: by their type, size and fields; whatever is sent, Twitch is
// not asked, and there is a row.
func TestFormsThatAreRefused(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	b := p.browser(p.broadcaster)
	good := b.channel().form(p.commenterTwitch, "timeout").Encode()
	unban := b.channel().form(p.commenterTwitch, "unban").Encode()
	const kind = "application/x-www-form-urlencoded"
	cases := []struct {
		kind, body string
		status     int
		says       string
	}{
		{"", good, 415, "not a form"},
		{"application/json", `{}`, 415, "not a form"},
		{"multipart/form-data; boundary=x", good, 415, "not a form"},
		{"text/plain", good, 415, "not a form"},
		{kind + "; charset=latin1", good, 415, "not a form"},
		{kind, "", 400, "action"},
		{kind, "%zz", 400, "cannot be read"},
		{kind, "a;b", 400, "cannot be read"},
		{kind, good + "&reason=" + strings.Repeat("a", 17<<10), 413, "longer than"},
		{kind, strings.Repeat("a", 100<<10), 413, "longer than"},
		{kind, good + "&color=red", 400, "not known here"},
		{kind, good + "&user_id=700000003", 400, "user_id more than once"},
		{kind, good + "&action=ban", 400, "action more than once"},
		{kind, unban + "&reason=x", 400, "not known here"},
		{kind, unban + "&duration=600", 400, "not known here"},
		{kind, strings.Replace(good, "duration=600", "duration=601", 1), 400, "none of those"},
		{kind, strings.Replace(good, "duration=600", "duration=0600", 1), 400, "none of those"},
		{kind, strings.Replace(good, "duration=600", "", 1), 400, "duration is missing"},
		{kind, strings.Replace(good, "action=timeout", "action=delete", 1), 400, "not one of timeout"},
		{kind, strings.Replace(good, "reason=", "reason="+strings.Repeat("%C3%A4", 501), 1), 400, "501 characters"},
		{kind, strings.Replace(good, "reason=", "reason=%00", 1), 400, "NUL"},
		{kind, strings.Replace(good, "reason=", "reason=%ff", 1), 400, "not UTF-8"},
		{kind, strings.Replace(good, "user_id="+p.commenterTwitch, "user_id=me", 1), 400, "not a Twitch id"},
		{kind, strings.Replace(good, "user_id="+p.commenterTwitch, "user_id="+p.channel, 1), 400, "own channel"},
	}
	for _, c := range cases {
		if v := b.do(http.MethodPost, webpage.Path, c.kind, []byte(c.body)); v.status != c.status || !strings.Contains(text(v.root), c.says) {
			t.Errorf("%s %.80q: %d %s", c.kind, c.body, v.status, text(v.root))
		}
	}
	b.do(http.MethodPost, webpage.Path+"?broadcaster_id="+p.channel, kind, []byte(good)).failed(400, "query beside the form")
	if n := p.audited(auditlog.TwitchBan, auditlog.Refused); n != len(cases)+1 {
		t.Errorf("%d refusals are recorded, want %d", n, len(cases)+1)
	}
	if n := p.helix.Requests("POST /helix/moderation/bans"); n != 0 {
		t.Errorf("Twitch was asked %d times", n)
	}
	b.do(http.MethodPost, webpage.Path, kind+"; charset=UTF-8", []byte(good)).says(303)
}

// TestThePageUnderMaintenance: it is read as ever, and says when to come back.
func TestThePageUnderMaintenance(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	b := p.browser(p.broadcaster)
	form := b.channel().form(p.commenterTwitch, "ban")
	p.maintained.Store(true)
	v := b.post(form).failed(503, "Clipper is being maintained", "You can try again in 30 seconds")
	if v.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After is %q", v.header.Get("Retry-After"))
	}
	b.channel().says(200, "Commenter")
	p.maintained.Store(false)
	b.follow(b.post(form)).says(200, "Commenter is banned for good.")
}

// TestTheEleventhOfAnHour is told when to come again, by clock and by Retry-After.
func TestTheEleventhOfAnHour(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	b := p.browser(p.broadcaster)
	for range 10 {
		b.press(p.commenterTwitch, "timeout", nil).says(303)
	}
	v := b.press(p.commenterTwitch, "timeout", nil).failed(429, "You have used your 10 ban operations of this hour.", "You can try again in 60 minutes, after")
	wait, err := strconv.Atoi(v.header.Get("Retry-After"))
	if err != nil || wait < 3500 || wait > 3600 {
		t.Errorf("Retry-After is %q", v.header.Get("Retry-After"))
	}
	if at := all(v.root, tag("time")); len(at) != 1 || attribute(at[0], "datetime") == "" {
		t.Error("no time is said")
	}
}

// TestTheStylesheet is the page's own, and is kept under its own address alone.
func TestTheStylesheet(t *testing.T) {
	t.Parallel()
	p := newChannelPage(t)
	v := p.browser(p.broadcaster).channel()
	links := all(v.root, tag("link"))
	if len(links) != 1 {
		t.Fatalf("%d links", len(links))
	}
	for path, kept := range map[string]bool{attribute(links[0], "href"): true, webpage.StylePath: false, webpage.StylePath + "?v=old": false} {
		got := p.do(uuid.Nil, "GET", path, nil).wants(200)
		if got.header.Get("Content-Type") != "text/css; charset=utf-8" || strings.Contains(got.header.Get("Cache-Control"), "immutable") != kept {
			t.Errorf("%s: %v", path, got.header)
		}
	}
}
