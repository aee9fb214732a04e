package tokens

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/clipper/clipperops/moderation/twitch"
)

// Keyring encrypts tokens with its newest key and decrypts with every key it has,
// so that a key can be replaced while the service runs.
type Keyring struct {
	newest string
	keys   map[string]cipher.AEAD // by id
}

// NewKeyring reads keys of 32 bytes in base64: the one to encrypt with, and those
// that older rows may be encrypted with.
func NewKeyring(newest string, previous ...string) (*Keyring, error) {
	k := &Keyring{keys: map[string]cipher.AEAD{}}
	for i, text := range append([]string{newest}, previous...) {
		id, aead, err := readKey(text)
		if err != nil {
			return nil, err // the text is not repeated: it may be most of a key
		}
		if i == 0 {
			k.newest = id
		}
		k.keys[id] = aead
	}
	return k, nil
}

func readKey(text string) (id string, aead cipher.AEAD, err error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != 32 {
		return "", nil, errors.New("the token key is not 32 bytes in base64; make one with: openssl rand -base64 32")
	}
	// The id says which key a row was encrypted with and nothing about the key.
	name, err := hkdf.Key(sha256.New, raw, nil, "moderation-api token key id", 8)
	if err != nil {
		return "", nil, err
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return "", nil, err
	}
	aead, err = cipher.NewGCMWithRandomNonce(block)
	return hex.EncodeToString(name), aead, err
}

// Newest is the id of the key that is encrypted with.
func (k *Keyring) Newest() string { return k.newest }

// Random is a key, in base64.
func Random() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return base64.StdEncoding.EncodeToString(raw)
}

// seal encrypts a token. It is bound to its user and its kind: a row that somebody
// copies to another user's, or from refresh to access, does not open.
func (k *Keyring) seal(user uuid.UUID, kind, token string) []byte {
	return k.keys[k.newest].Seal(nil, nil, []byte(token), bound(user, kind))
}

// open decrypts a token.
func (k *Keyring) open(id string, user uuid.UUID, kind string, sealed []byte) (twitch.Token, error) {
	aead, ok := k.keys[id]
	if !ok {
		return twitch.Token{}, fmt.Errorf("%w: the %s token is encrypted with key %s; is TOKEN_KEY_PREVIOUS missing?", ErrUnknownKey, kind, id)
	}
	plain, err := aead.Open(nil, nil, sealed, bound(user, kind))
	if err != nil {
		return twitch.Token{}, fmt.Errorf("%w: the %s token does not open with key %s: the row was changed by somebody else", ErrUnreadable, kind, id)
	}
	return twitch.NewToken(string(plain)), nil
}

func bound(user uuid.UUID, kind string) []byte { return []byte(kind + " " + user.String()) }
