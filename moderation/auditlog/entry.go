package auditlog

import (
	"net/netip"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/problem"
)

// Action is what was done or tried.
type Action string

// The actions. The Twitch ones have the names that Clipper's dashboards look for.
const (
	QueueReport   Action = "queue_report"
	QueueDecision Action = "queue_decision"
	AppealCreate  Action = "appeal_create"
	AppealResolve Action = "appeal_resolve"
	TwitchBan     Action = "twitch_ban_user"
	TwitchUnban   Action = "twitch_unban_user"
)

// Outcome is how it ended.
type Outcome string

// The outcomes. Attempted is what a row says before an action that reaches out of
// the database, and still says when the process was killed in the middle: it may
// have happened.
const (
	Applied   Outcome = "applied"
	Refused   Outcome = "refused"
	Failed    Outcome = "failed"
	Attempted Outcome = "attempted"
)

// Origin is where an action came from.
type Origin struct {
	RequestID string
	IP        netip.Addr // invalid when it is not known
	UserAgent string     // cut to 512 bytes
}

// Entry is one row.
type Entry struct {
	Action     Action
	Actor      uuid.UUID
	EntityType string    // comment, clip, user, submission, queue_item, decision, appeal, twitch_user
	EntityID   uuid.UUID // uuid.Nil when the request did not name one that can be understood
	TargetUser uuid.UUID // the user it is about; uuid.Nil when it is not about one that Clipper knows
	Channel    uuid.UUID // uuid.Nil outside a channel
	Reason     string
	Outcome    Outcome
	Code       problem.Code   // why it was refused or failed; "" otherwise
	Details    map[string]any // more for the metadata: ids and numbers, no texts of users
	Origin     Origin
}

// OutcomeOf is how an action ended that returned err: what the client must know is
// a refusal, what went wrong here or upstream a failure.
func OutcomeOf(err error) (Outcome, problem.Code) {
	p := problem.Of(err)
	switch {
	case p == nil:
		return Applied, ""
	case p.Status >= 500:
		return Failed, p.Code
	default:
		return Refused, p.Code
	}
}

// namespace is that of the ids below; a constant of this service.
var namespace = uuid.MustParse("5b1f5c0e-8b7e-5c58-9a3c-2f6c0f1d4e11")

// TwitchUserID stands for a Twitch user whom Clipper does not know, in columns that
// hold a uuid: version 5, of "twitch:user:<id>".
func TwitchUserID(id string) uuid.UUID {
	return uuid.NewSHA1(namespace, []byte("twitch:user:"+id))
}

// TwitchChannelID stands for a channel that Clipper does not know, likewise.
func TwitchChannelID(id string) uuid.UUID {
	return uuid.NewSHA1(namespace, []byte("twitch:channel:"+id))
}
