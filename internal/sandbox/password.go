package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// newPassword returns 144 random bits in characters no shell or URL minds.
func newPassword() (string, error) {
	raw := make([]byte, 18)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("no random password: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}
