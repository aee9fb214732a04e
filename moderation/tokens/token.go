package tokens

import "log/slog"

// Token is a secret that does not show itself: printed, logged or encoded it is a
// row of stars.
type Token struct{ secret string }

// NewToken keeps a secret.
func NewToken(secret string) Token { return Token{secret} }

const stars = "****"

// Reveal is the secret, for the one place that sends it.
func (t Token) Reveal() string { return t.secret }

// String is not the secret, nor are the others.
func (Token) String() string { return stars }

// GoString is for %#v.
func (Token) GoString() string { return stars }

// MarshalText is for JSON and the like.
func (Token) MarshalText() ([]byte, error) { return []byte(stars), nil }

// LogValue is for slog.
func (Token) LogValue() slog.Value { return slog.StringValue(stars) }
