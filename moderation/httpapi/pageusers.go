package httpapi

import (
	"regexp"
	"time"

	"github.com/clipper/clipperops/moderation/bans"
	"github.com/clipper/clipperops/moderation/identity"
	webpage "github.com/clipper/clipperops/moderation/page"
	"github.com/clipper/clipperops/moderation/problem"
)

// How long a form can be sent after its page was made.
const formLasts = 12 * time.Hour

var goodChannel = regexp.MustCompile(`^[0-9]{1,20}$`)

// usersPage lists a channel's users. The controls are on the page only for who may
// use them now.
func (a *api) usersPage(r *request) (answer, error) {
	q := r.query("broadcaster_id", "q", "cursor")
	channel, prefix := q.values.Get("broadcaster_id"), q.values.Get("q")
	if !goodChannel.MatchString(channel) {
		q.fail("broadcaster_id is not a Twitch id")
	}
	after := cursor[webpage.Key](q)
	if q.err == nil {
		q.err = checkText("q", prefix, 0, maxUsername)
	}
	if q.err != nil {
		return answer{}, q.err
	}
	r.seen.back = webpage.Address(channel, "", "")
	controls, why, err := a.mayLook(r, channel)
	if err != nil {
		r.seen.back = ""
		return answer{}, err
	}
	listing, err := webpage.List(r.Context(), a.Pool, webpage.Query{Broadcaster: channel, Prefix: prefix, After: after})
	if err != nil {
		return answer{}, err
	}
	view := webpage.Users{
		Listing: listing, Broadcaster: channel, Prefix: prefix, Cursor: q.values.Get("cursor"), Viewer: r.User.TwitchID,
		ReadOnly: why, MaxReason: bans.MaxReason, Now: time.Now(),
	}
	if listing.Next != nil {
		if view.NextCursor, err = toCursor(*listing.Next); err != nil {
			return answer{}, err
		}
	}
	if controls {
		view.Token = a.Seals.Seal(formOf(r.User, channel), "", formLasts)
	}
	out := html{}
	view.Notice, out.cookie = a.takeNotice(r, channel)
	out.text, err = view.HTML()
	return answer{body: out}, err
}

// formOf is what a form's token is bound to.
func formOf(u identity.User, channel string) webpage.Bound {
	return webpage.Bound{Purpose: "form", User: u.ID.String(), Channel: channel}
}

// mayLook says whether the list comes with controls, or why it does not. The list
// alone is the broadcaster's and Clipper's moderators'; everybody else sees it with
// the controls or not at all, since it tells who was banned.
func (a *api) mayLook(r *request, channel string) (controls bool, why string, err error) {
	err = bans.Disabled()
	if a.Flag(r.User.ID) {
		err = a.Bans.May(r.Context(), r.User, channel)
	}
	switch p := problem.Of(err); {
	case err != nil && r.User.TwitchID != channel && !r.User.Moderates():
		return false, "", err
	case err != nil && p.Code == problem.FeatureDisabled: // who does not have it is not told of it
		return false, "", nil
	case err != nil:
		return false, webpage.ReadOnly(p.Message, p.Detail), nil
	}
	if a.maintained() {
		return false, webpage.ReadOnly(maintenance().Message, ""), nil
	}
	return true, "", nil
}
