package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Level is how urgent a message is.
type Level string

// The levels, least urgent first. Any other is taken for Info.
const (
	Info    Level = "info"
	Warning Level = "warning"
	Page    Level = "page" // somebody has to look now; never held back
)

// rank orders levels.
func (l Level) rank() int {
	switch l {
	case Page:
		return 2
	case Warning:
		return 1
	default:
		return 0
	}
}

// Fact is a figure of a message with its name.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Message is what people are told.
type Message struct {
	// Key is what it is about, "kind" or "kind:what": messages with the same key are
	// rate-limited together; those without one never. The kind chooses the template.
	Key         string
	Level       Level
	Title, Text string
	Facts       []Fact
	Environment string
	Flag        string
	At          time.Time // default: when it was posted
	Tags        []string
	// Sent is told of each channel that has taken the message; called by several goroutines.
	// nil for nobody.
	Sent func(channel string)
}

// Kind is the part of the key before the first colon.
func (m Message) Kind() string {
	kind, _, _ := strings.Cut(m.Key, ":")
	return kind
}

// id is the same whenever the same message is sent again, so that a receiver can tell
// a repetition.
func (m Message) id() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %d", m.Key, m.Level, m.Title, m.Text, m.Environment, m.Flag, m.At.UnixNano()))
	return hex.EncodeToString(h[:16])
}
