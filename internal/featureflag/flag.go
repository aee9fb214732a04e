package featureflag

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Flag says for whom one feature is on. The zero Flag is off for everybody. A Flag
// does not change; make another one with New.
type Flag struct {
	Key        string
	Enabled    bool       // false = off for everybody, whatever else it says
	Percentage Percentage // for whom it is on by their bucket
	Version    int64      // of the store: another one for every other state; 0 = it was not in a store

	users []string            // for whom it is on by name, in order
	many  map[string]struct{} // the same, when they are many
}

// few is up to how many users are compared one by one: most differ in their first
// bytes, which is sooner told than a hash is made.
const few = 12

// MaxUsers bounds the users that a flag names: a list is for a beta of a few.
const MaxUsers = 10_000

// ValidKey refuses a key that is not lower-case letters, digits and underscores: it
// becomes the name of a variable and of a metric's label.
func ValidKey(key string) error {
	// Not a regular expression: making one takes a millisecond of every start.
	good := func(c rune) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' }
	if key == "" || len(key) > 63 || key[0] < 'a' || key[0] > 'z' || strings.ContainsFunc(key, func(c rune) bool { return !good(c) }) {
		return fmt.Errorf("a flag's key is lower-case letters, digits and _, beginning with a letter, at most 63 characters")
	}
	return nil
}

// New is a flag.
func New(key string, enabled bool, percentage Percentage, users []string) (Flag, error) {
	f := Flag{Key: key, Enabled: enabled, Percentage: percentage}
	if err := ValidKey(key); err != nil {
		return Flag{}, err
	}
	if percentage > Everybody {
		return Flag{}, errPercentage
	}
	if len(users) > MaxUsers {
		return Flag{}, fmt.Errorf("flag %s names %d users; at most %d", key, len(users), MaxUsers)
	}
	for i, u := range users {
		if u == "" || len(u) > 128 || strings.ContainsAny(u, ",\"'") || strings.ContainsFunc(u, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
			return Flag{}, fmt.Errorf("flag %s names a user, number %d of %d, whose id is empty, longer than 128 bytes, or has a space, a quote, a comma or a control character in it", key, i+1, len(users))
		}
	}
	f.users = slices.Compact(slices.Sorted(slices.Values(users)))
	if len(f.users) > few {
		f.many = make(map[string]struct{}, len(f.users))
		for _, u := range f.users {
			f.many[u] = struct{}{}
		}
	}
	return f, nil
}

// At is the flag with another version.
func (f Flag) At(version int64) Flag {
	f.Version = version
	return f
}

// On reports whether the feature is on for the user: disabled, it is off for
// everybody; a named user has it; all others have it by their bucket. Whoever has
// it keeps it while the percentage grows.
func (f *Flag) On(user string) bool {
	if !f.Enabled {
		return false
	}
	if f.Percentage >= Everybody {
		return true
	}
	return (f.Percentage > 0 && Bucket(f.Key, user) < uint32(f.Percentage)) || f.names(user)
}

// names reports whether the user is named.
func (f *Flag) names(user string) bool {
	if f.many != nil {
		_, named := f.many[user]
		return named
	}
	for _, u := range f.users {
		if u == user {
			return true
		}
	}
	return false
}

// Users are the users named, in order.
func (f Flag) Users() []string { return append([]string{}, f.users...) }

// Same reports whether both decide alike, whatever their versions.
func (f Flag) Same(g Flag) bool {
	return f.Key == g.Key && f.Enabled == g.Enabled && f.Percentage == g.Percentage && slices.Equal(f.users, g.users)
}

// shown is a flag as JSON.
type shown struct {
	Key        string     `json:"key"`
	Enabled    bool       `json:"enabled"`
	Percentage Percentage `json:"percentage"`
	Users      []string   `json:"enabled_users"`
	Version    int64      `json:"version"`
}

// MarshalJSON shows the flag with the users it names.
func (f Flag) MarshalJSON() ([]byte, error) {
	return json.Marshal(shown{f.Key, f.Enabled, f.Percentage, f.Users(), f.Version})
}

// String is the flag in a few words: "twitch_moderation 12.5% and 3 users".
func (f Flag) String() string {
	switch {
	case !f.Enabled:
		return f.Key + " off"
	case f.Percentage == Everybody:
		return f.Key + " 100%"
	case len(f.users) > 0:
		return fmt.Sprintf("%s %s%% and %d users", f.Key, f.Percentage, len(f.users))
	}
	return fmt.Sprintf("%s %s%%", f.Key, f.Percentage)
}
