package tokens

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/twitch"
)

// Fixed are sessions out of a file, for development: they are not validated and
// never renewed.
type Fixed struct {
	byUser   map[uuid.UUID]Session
	byTwitch map[string]Session
}

// ReadFixed reads lines of "user-id twitch-user-id access-token scope,scope"; lines
// that begin with # are comments. An error names the line, not what is on it.
func ReadFixed(content []byte) (*Fixed, error) {
	f := &Fixed{map[uuid.UUID]Session{}, map[string]Session{}}
	lines := bufio.NewScanner(bytes.NewReader(content))
	n := 1
	for ; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields) > 4 {
			return nil, fmt.Errorf("line %d of the development tokens is not: user-id twitch-user-id access-token scope,scope", n)
		}
		user, err := uuid.Parse(fields[0])
		if err != nil {
			return nil, fmt.Errorf("line %d of the development tokens does not begin with a user's id", n)
		}
		s := Session{UserID: user, TwitchUserID: fields[1], Access: twitch.NewToken(fields[2])}
		if len(fields) == 4 {
			s.Scopes = strings.FieldsFunc(fields[3], func(r rune) bool { return r == ',' })
		}
		if _, twice := f.byUser[user]; twice {
			return nil, fmt.Errorf("line %d of the development tokens is the second one of its user", n)
		}
		if _, twice := f.byTwitch[s.TwitchUserID]; twice {
			return nil, fmt.Errorf("line %d of the development tokens is the second one of its Twitch user", n)
		}
		f.byUser[user], f.byTwitch[s.TwitchUserID] = s, s
	}
	if lines.Err() != nil {
		return nil, fmt.Errorf("line %d of the development tokens is too long", n)
	}
	return f, nil
}

// Of is the session of a user of Clipper.
func (f *Fixed) Of(_ context.Context, user uuid.UUID) (Session, error) {
	if s, ok := f.byUser[user]; ok {
		return s, nil
	}
	return Session{}, ErrNone
}

// OfTwitch is the session of a Twitch user.
func (f *Fixed) OfTwitch(_ context.Context, twitchUser string) (Session, error) {
	if s, ok := f.byTwitch[twitchUser]; ok {
		return s, nil
	}
	return Session{}, ErrNone
}

// Rejected forgets nothing: the file is the developer's.
func (f *Fixed) Rejected(context.Context, Session, string) error { return nil }
