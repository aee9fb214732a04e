package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// issuer publishes one key, which can be changed, and counts who asks.
type issuer struct {
	keys  atomic.Pointer[jose.JSONWebKeySet] // nil: away
	asked atomic.Int64
	clock atomic.Int64 // seconds since testNow
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.asked.Add(1)
	keys := i.keys.Load()
	if keys == nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = json.NewEncoder(w).Encode(keys)
}

func (i *issuer) publish(key *rsa.PrivateKey, id string) {
	i.keys.Store(&jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: id, Algorithm: "RS256", Use: "sig"}}})
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, minKeyBits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func tokenOf(t *testing.T, method jwt.SigningMethod, key any, id string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims{"sub": testSubject, "aud": testAudience, "exp": testNow.Add(24 * time.Hour).Unix()})
	token.Header["kid"] = id
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeysOfAnIssuerRotateAndOutliveIt(t *testing.T) {
	t.Parallel()
	i := &issuer{}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	v, err := NewVerifier(VerifierConfig{JWKSURL: server.URL, Audience: testAudience, Now: func() time.Time {
		return testNow.Add(time.Duration(i.clock.Load()) * time.Second)
	}})
	if err != nil {
		t.Fatal(err)
	}
	first, second := newKey(t), newKey(t)
	one, two := tokenOf(t, jwt.SigningMethodRS256, first, "one"), tokenOf(t, jwt.SigningMethodRS256, second, "two")
	der, err := x509.MarshalPKIXPublicKey(&first.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	forged := tokenOf(t, jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "one")
	check := func(step, token string, good bool, asked int64) {
		t.Helper()
		_, err := v.Subject(t.Context(), token)
		var invalid *InvalidToken
		if good && err != nil || !good && !errors.As(err, &invalid) || i.asked.Load() != asked {
			t.Errorf("%s: %v, and the issuer was asked %d times, not %d", step, err, i.asked.Load(), asked)
		}
	}
	i.publish(first, "one")
	check("the first key", one, true, 1)
	check("HS256 with the public key", forged, false, 1)
	check("an unknown key at once", two, false, 1)
	i.publish(second, "two")
	i.clock.Store(29)
	check("before 30 s", two, false, 1)
	i.clock.Store(30)
	check("rotated", two, true, 2)
	check("the old key is gone", one, false, 2)
	i.keys.Store(nil)
	i.clock.Store(3600)
	check("the issuer is away", two, true, 3)
	check("it is not asked each time", two, true, 3)
}
