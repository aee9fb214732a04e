package twitch

import (
	"log/slog"
	"strings"
)

const stars = "****"

// Token is an OAuth secret: an access token, a refresh token, the client's secret.
// Printed, logged or encoded it is a row of stars.
type Token struct{ secret string }

// NewToken keeps a secret.
func NewToken(secret string) Token { return Token{secret} }

// Reveal is the secret, for what stores or sends it.
func (t Token) Reveal() string { return t.secret }

// IsZero is whether there is no secret.
func (t Token) IsZero() bool { return t.secret == "" }

// String is not the secret, nor are the others.
func (Token) String() string { return stars }

// GoString is for %#v.
func (Token) GoString() string { return stars }

// MarshalText is for JSON and the like.
func (Token) MarshalText() ([]byte, error) { return []byte(stars), nil }

// LogValue is for slog.
func (Token) LogValue() slog.Value { return slog.StringValue(stars) }

// hide takes secrets out of a text that somebody else wrote: servers have been
// seen to echo what they were sent.
func hide(text string, secrets []Token) string {
	for _, s := range secrets {
		if !s.IsZero() {
			text = strings.ReplaceAll(text, s.secret, stars)
		}
	}
	return text
}
