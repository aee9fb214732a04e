package httpapi

import (
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/clipper/clipperops/moderation/bans"
	webpage "github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/problem"
)

// maxForm is the length of a form in bytes: a reason of characters that are encoded as
// twelve, a cursor, a token.
const maxForm = 16 << 10

// form is what the page sends.
type form struct {
	Operation bans.Operation
	Token     string
	Prefix    string // with the cursor: where in the list the user was
	Cursor    string
}

// usersForm does what a form of the page asks for, and sends the browser back to where
// it was.
func (a *api) usersForm(r *request) (answer, error) {
	f, err := readForm(r)
	o := f.Operation
	if goodChannel.MatchString(o.Broadcaster) {
		r.seen.back = webpage.Address(o.Broadcaster, "", "")
	}
	if err == nil {
		r.seen.back = webpage.Address(o.Broadcaster, f.Prefix, f.Cursor)
		if _, ours := a.Seals.Open(formOf(r.User, o.Broadcaster), f.Token); !ours {
			err = problem.New(problem.Forbidden, "the form is not one of yours, or is too old").WithDetail("open the page again and send it from there")
		}
	}
	if _, err := a.act(r, o, err); err != nil {
		return answer{}, err
	}
	name, err := webpage.Name(r.Context(), a.Pool, o.User)
	if err != nil { // it is done, and is said with or without the name
		a.Log.WarnContext(r.Context(), "the name of who was moderated could not be read", slog.Any("error", err), slog.String("request_id", r.Origin.RequestID))
	}
	text := webpage.Done(name, o.Kind == bans.Unban, int64(o.Duration/time.Second))
	return answer{status: http.StatusSeeOther, body: seeOther{r.seen.back, a.giveNotice(r, o.Broadcaster, text)}}, nil
}

// readForm reads the body. With an error the form holds what could be read, for the
// audit row.
func readForm(r *request) (form, error) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := parameters["charset"]
	if err != nil || kind != "application/x-www-form-urlencoded" || (charset != "" && charset != "utf-8" && charset != "UTF-8") {
		return unread, problem.New(problem.UnsupportedMediaType, "the body is not a form").WithDetail("send application/x-www-form-urlencoded")
	}
	if r.URL.RawQuery != "" {
		return unread, problem.New(problem.InvalidRequest, "there is a query beside the form")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	var tooLong *http.MaxBytesError
	switch {
	case len(body) > maxForm || errors.As(err, &tooLong):
		return unread, problem.New(problem.PayloadTooLarge, "the form is longer than %d bytes", maxForm)
	case err != nil:
		return unread, problem.New(problem.InvalidRequest, "the form could not be read to its end").Because(err)
	}
	return decodeForm(string(body))
}

// unread is a form of which nothing is known: it is counted with the bans.
var unread = form{Operation: bans.Operation{Kind: bans.Ban}}

// formFields are the fields of the page's forms, and whether a form that only unbans
// has them.
var formFields = map[string]bool{
	"broadcaster_id": true, "user_id": true, "token": true, "action": true, "q": true, "cursor": true,
	"duration": false, "reason": false,
}

// decodeForm is readForm without HTTP: every field once, and none that is not known.
func decodeForm(body string) (form, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return unread, problem.New(problem.InvalidRequest, "the form cannot be read")
	}
	unban := values.Get("action") == "unban"
	for name, given := range values {
		always, known := formFields[name]
		switch {
		case !known || (unban && !always):
			return unread, problem.New(problem.InvalidRequest, "the form has a field that is not known here")
		case len(given) > 1:
			return unread, problem.New(problem.InvalidRequest, "the form has %s more than once", name)
		case !utf8.ValidString(given[0]):
			return unread, problem.New(problem.InvalidRequest, "%s is not UTF-8", name)
		}
	}
	f := form{
		Operation: bans.Operation{Kind: bans.Ban, Broadcaster: values.Get("broadcaster_id"), User: values.Get("user_id"), Reason: values.Get("reason")},
		Token:     values.Get("token"), Prefix: values.Get("q"), Cursor: values.Get("cursor"),
	}
	duration, err := chosen(values)
	if err == nil {
		err = checkText("reason", f.Operation.Reason, 0, bans.MaxReason)
	}
	if err == nil {
		err = checkText("q", f.Prefix, 0, maxUsername)
	}
	switch values.Get("action") {
	case "timeout":
		f.Operation.Duration = duration
		if err == nil && duration == 0 {
			err = problem.New(problem.InvalidRequest, "duration is missing")
		}
	case "ban": // the same form has the timeouts, and always one of them is chosen
	case "unban":
		f.Operation.Kind = bans.Unban
	default:
		err = problem.New(problem.InvalidRequest, "action is not one of timeout, ban, unban")
	}
	return f, err
}

// chosen is the timeout that was chosen, 0 when none was.
func chosen(values url.Values) (time.Duration, error) {
	if !values.Has("duration") {
		return 0, nil
	}
	for _, d := range webpage.Durations {
		if values.Get("duration") == strconv.FormatInt(d.Seconds, 10) {
			return time.Duration(d.Seconds) * time.Second, nil
		}
	}
	return 0, problem.New(problem.InvalidRequest, "duration is none of those that can be chosen")
}
