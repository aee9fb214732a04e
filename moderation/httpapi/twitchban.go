package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/problem"
)

// twitchRoutes are the endpoints that act on Twitch.
func (a *api) twitchRoutes() []route {
	const path = "/api/v1/moderation/twitch/ban"
	return []route{
		{http.MethodPost, []string{path}, knownUser, true, a.twitchBan},
		{http.MethodDelete, []string{path}, knownUser, true, a.twitchUnban},
	}
}

// banBody is what POST …/twitch/ban is sent; its names are Clipper's.
type banBody struct {
	BroadcasterID string `json:"broadcasterID"`
	UserID        string `json:"userID"`
	Reason        string `json:"reason"`
	Duration      *int64 `json:"duration"` // seconds; absent = for good
}

// unbanBody is what DELETE …/twitch/ban is sent, in the body or in the query.
type unbanBody struct {
	BroadcasterID string `json:"broadcasterID"`
	UserID        string `json:"userID"`
}

// acted is the answer to both.
type acted struct {
	Success       bool   `json:"success"`
	Message       string `json:"message"`
	BroadcasterID string `json:"broadcasterID"`
	UserID        string `json:"userID"`
}

func (a *api) twitchBan(r *request) (answer, error) {
	body, err := decode[banBody](r)
	o := bans.Operation{Kind: bans.Ban, Broadcaster: body.BroadcasterID, User: body.UserID, Reason: body.Reason}
	if err == nil {
		err = r.query().err // everything is in the body
	}
	if err == nil {
		o.Duration, err = timeout(body.Duration)
	}
	if err == nil {
		err = checkText("reason", body.Reason, 0, bans.MaxReason)
	}
	return a.act(r, o, err)
}

// timeout is the duration of a timeout, 0 for a ban.
func timeout(seconds *int64) (time.Duration, error) {
	if seconds == nil {
		return 0, nil
	}
	if *seconds < 1 || *seconds > int64(bans.MaxDuration/time.Second) {
		return 0, problem.New(problem.InvalidRequest, "duration is not 1 to %d seconds", bans.MaxDuration/time.Second).
			WithDetail("leave it out for a permanent ban")
	}
	return time.Duration(*seconds) * time.Second, nil
}

func (a *api) twitchUnban(r *request) (answer, error) {
	body, err := unbanOf(r)
	return a.act(r, bans.Operation{Kind: bans.Unban, Broadcaster: body.BroadcasterID, User: body.UserID}, err)
}

// unbanOf reads the two ids from the query or from the body; proxies have been seen
// to drop the body of a DELETE.
func unbanOf(r *request) (unbanBody, error) {
	q := r.query("broadcasterID", "userID")
	ids := unbanBody{BroadcasterID: q.values.Get("broadcasterID"), UserID: q.values.Get("userID")}
	switch {
	case q.err != nil:
		return ids, q.err
	case r.ContentLength == 0 && len(q.values) == 0:
		return ids, problem.New(problem.InvalidRequest, "broadcasterID and userID are missing").WithDetail("send them in the query or in the body")
	case len(q.values) == 0:
		return decode[unbanBody](r)
	case r.ContentLength != 0 && !empty(r.Body): // -1 is a length that is not told
		return ids, problem.New(problem.InvalidRequest, "the ids are in the query and there is a body, too").WithDetail("send them in one place")
	}
	return ids, nil
}

// empty reports whether there is nothing in the body, which cannot be read afterwards.
func empty(body io.Reader) bool {
	n, _ := io.ReadFull(body, make([]byte, 1))
	return n == 0
}

// act does the operation, unless reading it has failed already. The flag is asked
// here and again in the service. Whoever may not act at all is told that, whatever
// was wrong with the request.
func (a *api) act(r *request, o bans.Operation, err error) (answer, error) {
	if !a.Flag(r.User.ID) {
		err = bans.Disabled()
	}
	if err != nil {
		return answer{}, a.Bans.Refuse(r.Context(), r.User, r.Origin, o, err)
	}
	if err := a.Bans.Do(r.Context(), r.User, r.Origin, o); err != nil {
		return answer{}, err
	}
	return answer{body: acted{true, told(o), o.Broadcaster, o.User}}, nil
}

// told is what was done, for people.
func told(o bans.Operation) string {
	switch {
	case o.Kind == bans.Unban:
		return "the user is unbanned"
	case o.Duration == time.Second:
		return "the user is timed out for 1 second"
	case o.Duration > 0:
		return fmt.Sprintf("the user is timed out for %d seconds", o.Duration/time.Second)
	default:
		return "the user is banned"
	}
}
