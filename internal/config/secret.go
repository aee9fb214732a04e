package config

import (
	"fmt"
	"io"
	"log/slog"
)

// mask is what is shown wherever a secret stands, whether it is empty or not.
const mask = "***"

// Secret is a string that does not show itself: fmt, encoding/json, log/slog
// and everything built on them print "***". Only Reveal hands out the value.
//
// fmt cannot call methods on unexported fields, so a struct that keeps a Secret
// in one must not be printed.
type Secret string

// Reveal returns the secret itself. Its result belongs in a connection or in
// the environment of a child program, never in text.
func (s Secret) Reveal() string { return string(s) }

// String returns the mask.
func (s Secret) String() string { return mask }

// GoString returns the mask.
func (s Secret) GoString() string { return mask }

// Format writes the mask whatever the verb is.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalText returns the mask; encoding/json and YAML encoders use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue returns the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }
