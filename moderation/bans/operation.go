package bans

import (
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/clipper/clipperops/moderation/auditlog"
	"github.com/clipper/clipperops/moderation/problem"
	"github.com/clipper/clipperops/moderation/twitch"
)

// Kind is what is to be done.
type Kind string

// The kinds, as the metrics name them.
const (
	Ban   Kind = "ban"
	Unban Kind = "unban"
)

// action is the kind's name in the audit log.
func (k Kind) action() auditlog.Action {
	if k == Unban {
		return auditlog.TwitchUnban
	}
	return auditlog.TwitchBan
}

// Operation is one ban, timeout or unban.
type Operation struct {
	Kind        Kind
	Broadcaster string        // the channel's Twitch id
	User        string        // the Twitch id of whom it is about
	Reason      string        // at most 500 characters; for a ban
	Duration    time.Duration // of a timeout, 1 s … 14 days in whole seconds; 0 = for good
}

// Twitch's bounds.
const (
	MaxReason   = twitch.MaxReason // characters
	MaxDuration = twitch.MaxDuration
)

var twitchID = regexp.MustCompile(`^[0-9]{1,20}$`)

// Validate refuses what Twitch would refuse, before anything is asked of it.
func (o Operation) Validate() error {
	switch {
	case !twitchID.MatchString(o.Broadcaster):
		return notChannel()
	case !twitchID.MatchString(o.User):
		return problem.New(problem.InvalidRequest, "userID is not a Twitch id").WithDetail("up to 20 digits")
	case o.User == o.Broadcaster:
		return problem.New(problem.InvalidRequest, "a broadcaster cannot be banned in the own channel")
	case utf8.RuneCountInString(o.Reason) > MaxReason:
		return problem.New(problem.InvalidRequest, "reason has %d characters", utf8.RuneCountInString(o.Reason)).WithDetail("at most %d", MaxReason)
	case o.Duration < 0 || o.Duration > MaxDuration || o.Duration%time.Second != 0:
		return problem.New(problem.InvalidRequest, "duration is not 1 to %d seconds", MaxDuration/time.Second).WithDetail("leave it out for a permanent ban")
	}
	return nil
}

func notChannel() *problem.Problem {
	return problem.New(problem.InvalidRequest, "broadcasterID is not a Twitch id").WithDetail("up to 20 digits")
}
