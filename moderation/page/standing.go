package page

import "time"

// Last is the last Twitch operation about a user in one channel that was done, or may
// have been.
type Last struct {
	Action  string // twitch_ban_user or twitch_unban_user
	Outcome string // as the audit log has it; what is not "applied" may have been done
	Seconds int64  // of a timeout; 0 = for good
	At      time.Time
}

// Standing is how a user stands in a channel, as far as Clipper knows.
type Standing string

// The standings. A user of whom nothing is known is free.
const (
	Free     Standing = "free"
	Banned   Standing = "banned"
	TimedOut Standing = "timed out"
	Unknown  Standing = "unknown" // nobody has heard how the last operation ended
)

// Standing is how the operation left its user, and for a timeout until when.
func (l *Last) Standing(now time.Time) (s Standing, until time.Time) {
	switch {
	case l == nil:
		return Free, until
	case l.Outcome != "applied":
		return Unknown, until
	case l.Action != "twitch_ban_user":
		return Free, until
	case l.Seconds == 0:
		return Banned, until
	}
	until = l.At.Add(time.Duration(l.Seconds) * time.Second)
	if !now.Before(until) {
		return Free, until
	}
	return TimedOut, until
}
