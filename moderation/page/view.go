package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"html/template"
	"net/url"
	"time"
)

// Where the page is.
const (
	Path      = "/moderation/users"
	StylePath = "/moderation/style.css"
)

// Policy is the page's Content-Security-Policy: its own stylesheet and forms, and
// nothing else; no script of anybody's.
const Policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// Style is the stylesheet.
//
//go:embed style.css
var Style []byte

// StyleVersion changes with the stylesheet, and is in the address that the page asks
// for it under: a browser may keep it for good.
var StyleVersion = func() string {
	sum := sha256.Sum256(Style)
	return hex.EncodeToString(sum[:8])
}()

//go:embed layout.html
var layoutHTML string

//go:embed users.html
var usersHTML string

//go:embed problem.html
var problemHTML string

var (
	layout = template.Must(template.New("layout").Funcs(template.FuncMap{
		"style": func() string { return StylePath + "?v=" + StyleVersion },
		"path":  func() string { return Path },
		"moment": func(at time.Time) string {
			return at.UTC().Format("2 Jan 2006, 15:04") + " UTC"
		},
		"machine":  func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"sentence": sentence,
		"pair":     func(u Users, r Row) controlled { return controlled{u, r} },
	}).Parse(layoutHTML))
	usersTemplate   = template.Must(template.Must(layout.Clone()).Parse(usersHTML))
	problemTemplate = template.Must(template.Must(layout.Clone()).Parse(problemHTML))
)

// Duration is a timeout that can be chosen.
type Duration struct {
	Seconds int64
	Name    string
}

// Durations are all of them; the longest is the longest that Twitch has.
var Durations = []Duration{
	{60, "1 minute"},
	{600, "10 minutes"},
	{3600, "1 hour"},
	{24 * 3600, "1 day"},
	{7 * 24 * 3600, "1 week"},
	{14 * 24 * 3600, "2 weeks"},
}

// usual is the timeout that is chosen unless another is.
const usual = 600

// Users is a page of a channel's users as it is to be shown.
type Users struct {
	Listing
	Broadcaster string // the channel's Twitch id
	Prefix      string // what was searched for
	Cursor      string // of this page; "" on the first
	NextCursor  string // of the next one; "" on the last
	Viewer      string // the Twitch id of who looks
	Token       string // of the forms; "" = without controls
	ReadOnly    string // why there are none, where that is to be said
	Notice      string // what was just done
	MaxReason   int    // characters
	Now         time.Time
}

// HTML is the page.
func (u Users) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := usersTemplate.Execute(&b, u)
	return b.Bytes(), err
}

// Title is the page's title and heading.
func (u Users) Title() string {
	if u.Channel == "" {
		return "Channel " + u.Broadcaster
	}
	return u.Channel
}

// First is the address of the first page of the same search.
func (u Users) First() string { return Address(u.Broadcaster, u.Prefix, "") }

// Following is the address of the next page.
func (u Users) Following() string { return Address(u.Broadcaster, u.Prefix, u.NextCursor) }

// All is the address without a search.
func (u Users) All() string { return Address(u.Broadcaster, "", "") }

// Rows are the users with how they stand.
func (u Users) Rows() []Row {
	rows := make([]Row, len(u.People))
	for i, p := range u.People {
		rows[i] = Row{Person: p, Controls: u.Token != "" && bannable(p, u)}
		rows[i].Standing, rows[i].Until = p.Last.Standing(u.Now)
	}
	return rows
}

// bannable reports whether Twitch can be asked to ban this user: nobody bans the
// broadcaster or himself, and who has no Twitch id cannot be named.
func bannable(p Person, u Users) bool {
	for _, c := range p.TwitchID {
		if c < '0' || c > '9' {
			return false
		}
	}
	return p.TwitchID != "" && len(p.TwitchID) <= 20 && p.TwitchID != u.Broadcaster && p.TwitchID != u.Viewer
}

// Durations are those that can be chosen.
func (Users) Durations() []Duration { return Durations }

// Usual is the one that is chosen unless another is.
func (Users) Usual() int64 { return usual }

// Row is one user in the list.
type Row struct {
	Person
	Standing Standing
	Until    time.Time // of a timeout
	Controls bool
}

// Address is the page's address for this channel, search and cursor.
func Address(broadcaster, prefix, cursor string) string {
	query := url.Values{"broadcaster_id": {broadcaster}}
	if prefix != "" {
		query.Set("q", prefix)
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	return Path + "?" + query.Encode()
}

// Problem is an error as a person sees it.
type Problem struct {
	Message   string
	Detail    string
	Code      string
	RequestID string
	Retry     time.Duration // when to come again; 0 = not said
	Back      string        // the address to go on from; "" = none
	Now       time.Time
}

// HTML is the page.
func (p Problem) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := problemTemplate.Execute(&b, p)
	return b.Bytes(), err
}

// Again is when to come again.
func (p Problem) Again() time.Time { return p.Now.Add(p.Retry) }

// Wait is how long that is.
func (p Problem) Wait() string {
	if p.Retry < 90*time.Second {
		return plural(int64((p.Retry+time.Second-1)/time.Second), "second")
	}
	return plural(int64((p.Retry+time.Minute-1)/time.Minute), "minute")
}

// controlled is a row with its page, for the template of the controls.
type controlled struct {
	Page Users
	Row  Row
}
