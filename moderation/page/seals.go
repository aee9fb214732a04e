package page

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

// Seals seal short texts that go to a browser and come back: a form's token, a notice.
// What was sealed for one purpose, user and channel opens for no other.
type Seals struct {
	keys [][]byte // the first seals; any opens
	now  func() time.Time
}

// NewSeals derives the keys from the secrets that are not empty; instances with the
// same secrets open each other's seals. The first is for sealing, the others are those
// before it. Without any the key is made up, and is this process's alone.
func NewSeals(secrets ...string) (*Seals, error) {
	s := &Seals{now: time.Now}
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		key, err := hkdf.Key(sha256.New, []byte(secret), nil, "clipper moderation page 1", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("the key of the page's forms: %w", err)
		}
		s.keys = append(s.keys, key)
	}
	if len(s.keys) == 0 {
		key := make([]byte, sha256.Size)
		_, _ = rand.Read(key) // never fails
		s.keys = append(s.keys, key)
	}
	return s, nil
}

// Bound is what a seal is for.
type Bound struct {
	Purpose string // form or notice
	User    string
	Channel string
}

// Seal seals a text for so long: the code over everything, the end, the text.
func (s *Seals) Seal(b Bound, text string, lasts time.Duration) string {
	end := binary.BigEndian.AppendUint64(nil, uint64(s.now().Add(lasts).Unix()))
	return base64.RawURLEncoding.EncodeToString(append(append(code(s.keys[0], b, end, text), end...), text...))
}

// Open is the text that was sealed so, if it was sealed here and is not too old.
func (s *Seals) Open(b Bound, sealed string) (text string, ok bool) {
	all, err := base64.RawURLEncoding.DecodeString(sealed)
	// The decoder passes over line breaks and odd bits at the end; what is sealed has one form.
	if err != nil || len(all) < sha256.Size+8 || base64.RawURLEncoding.EncodeToString(all) != sealed {
		return "", false
	}
	mac, end, text := all[:sha256.Size], all[sha256.Size:sha256.Size+8], string(all[sha256.Size+8:])
	for _, key := range s.keys {
		if hmac.Equal(mac, code(key, b, end, text)) {
			return text, s.now().Unix() < int64(binary.BigEndian.Uint64(end))
		}
	}
	return "", false
}

// code is the HMAC over all parts, each with its length before it: no two sets of
// parts are written alike.
func code(key []byte, b Bound, end []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{b.Purpose, b.User, b.Channel, string(end), text} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}
