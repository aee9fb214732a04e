package httpapi

import (
	"net/http"

	webpage "github.com/clipper/clipperops/moderation/page"
)

// pageRoutes are the page of a channel's users. It works without any script: its
// forms are sent, and the browser is sent back to the list.
func (a *api) pageRoutes() []route {
	return []route{
		{http.MethodGet, []string{webpage.Path}, visitor, false, a.usersPage},
		{http.MethodPost, []string{webpage.Path}, visitor, true, a.usersForm},
		{http.MethodGet, []string{webpage.StylePath}, anybody, false, a.style},
	}
}

// html is an answer for people.
type html struct {
	text   []byte
	cookie *http.Cookie // nil = none
}

func (h html) send(w http.ResponseWriter, status int) error {
	if h.cookie != nil {
		http.SetCookie(w, h.cookie)
	}
	w.Header().Set("Content-Security-Policy", webpage.Policy)
	return raw{"text/html; charset=utf-8", h.text}.send(w, status)
}

// seeOther sends the browser to an address of the page's.
type seeOther struct {
	to     string
	cookie *http.Cookie
}

func (s seeOther) send(w http.ResponseWriter, status int) error {
	http.SetCookie(w, s.cookie)
	w.Header().Set("Location", s.to)
	w.WriteHeader(status)
	return nil
}

// css is the stylesheet.
type css struct{ lasting bool }

func (c css) send(w http.ResponseWriter, status int) error {
	if c.lasting {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	return raw{"text/css; charset=utf-8", webpage.Style}.send(w, status)
}

// style is the page's stylesheet. Under the address of exactly this one a browser may
// keep it; another instance may have another.
func (a *api) style(r *request) (answer, error) {
	q := r.query("v")
	return answer{body: css{lasting: q.values.Get("v") == webpage.StyleVersion}}, q.err
}
