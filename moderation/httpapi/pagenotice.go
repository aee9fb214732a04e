package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/clipper/clipperops/moderation/identity"
	webpage "github.com/clipper/clipperops/moderation/page"
)

// The page's cookies. The session's is set by the application that issues it, and
// holds the same token that the API's clients send as bearer.
const (
	sessionCookie = "clipper_session"
	noticeCookie  = "clipper_moderation_notice"
)

// noticeLasts is how long a notice waits for the browser to follow the redirect.
const noticeLasts = time.Minute

func noticeOf(u identity.User, channel string) webpage.Bound {
	return webpage.Bound{Purpose: "notice", User: u.ID.String(), Channel: channel}
}

// giveNotice is the cookie that brings a notice to the page that the browser is sent
// to. It is sealed: nobody else puts words into the page.
func (a *api) giveNotice(r *request, channel, text string) *http.Cookie {
	return a.notice(r.Request, a.Seals.Seal(noticeOf(r.User, channel), text, noticeLasts), int(noticeLasts/time.Second))
}

// takeNotice is the notice that the browser brought, and the cookie that takes it
// away: it is shown once.
func (a *api) takeNotice(r *request, channel string) (text string, spent *http.Cookie) {
	all := r.CookiesNamed(noticeCookie)
	if len(all) == 0 {
		return "", nil
	}
	text, _ = a.Seals.Open(noticeOf(r.User, channel), all[0].Value)
	return text, a.notice(r.Request, "", -1)
}

func (a *api) notice(r *http.Request, value string, lasts int) *http.Cookie {
	return &http.Cookie{
		Name: noticeCookie, Value: value, Path: webpage.Path, MaxAge: lasts,
		HttpOnly: true, Secure: a.https(r), SameSite: http.SameSiteStrictMode,
	}
}

// https reports whether the browser came by https, perhaps to a trusted proxy in
// front.
func (a *api) https(r *http.Request) bool {
	return r.TLS != nil || (a.trusted(peer(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"))
}

// sessionToken is the token of the session's cookie, "" when there is none. Of two
// nobody can tell which one is the user's.
func sessionToken(r *http.Request) string {
	all := r.CookiesNamed(sessionCookie)
	if len(all) != 1 {
		return ""
	}
	return all[0].Value
}
