package twitch

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
)

// maxBody is how much of an answer is read; Helix's are a few hundred bytes.
const maxBody = 64 << 10

// maxMessage is how many characters of Twitch's words an error carries.
const maxMessage = 500

var errTooLong = errors.New("the answer is longer than 64 KiB")

// decodeMessage reads the one error shape; of a body that is something else it
// gives the beginning, made fit for one line of a log.
func decodeMessage(body []byte) string {
	var shape struct {
		Error   json.RawMessage `json:"error"`
		Message json.RawMessage `json:"message"`
	}
	text := string(body)
	if json.Unmarshal(body, &shape) == nil {
		var s string
		switch {
		case json.Unmarshal(shape.Message, &s) == nil && s != "":
			text = s
		case json.Unmarshal(shape.Error, &s) == nil && s != "":
			text = s
		}
	}
	return oneLine(text)
}

func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxMessage {
		text = string(runes[:maxMessage])
	}
	return text
}

// entries reads `{"data": …}`: a list, or a lone object where a server sends one.
func entries[T any](body []byte) ([]T, error) {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, errors.New("the answer is not JSON")
	}
	data := bytes.TrimSpace(envelope.Data)
	if len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return nil, errors.New(`the answer has no "data"`)
	}
	if data[0] == '{' {
		data = append(append([]byte{'['}, data...), ']')
	}
	var list []T
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, errors.New(`"data" is not what was expected`)
	}
	return list, nil
}

// moment reads a time; absent, null and "" are the zero time.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil || s == "" {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	m.Time = t
	return err
}

// banEntry is what Helix says of a ban just made. encoding/json matches names
// without regard to case, so that moderator_Id is read as well.
type banEntry struct {
	BroadcasterID string `json:"broadcaster_id"`
	ModeratorID   string `json:"moderator_id"`
	UserID        string `json:"user_id"`
	CreatedAt     moment `json:"created_at"`
	EndTime       moment `json:"end_time"`
}

// bannedEntry is what Helix says of a ban that stands.
type bannedEntry struct {
	UserID      string `json:"user_id"`
	ModeratorID string `json:"moderator_id"`
	CreatedAt   moment `json:"created_at"`
	ExpiresAt   moment `json:"expires_at"`
}

// banBody is the request: one object in data, and no way to make it a list.
type banBody struct {
	Data banData `json:"data"`
}

type banData struct {
	UserID   string `json:"user_id"`
	Duration int64  `json:"duration,omitempty"`
	Reason   string `json:"reason,omitempty"`
}
