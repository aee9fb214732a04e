package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// keysVerifier believes what this handler publishes.
func keysVerifier(t *testing.T, issuer http.Handler, clock func() time.Time) *Verifier {
	t.Helper()
	server := httptest.NewServer(issuer)
	t.Cleanup(server.Close)
	v, err := NewVerifier(VerifierConfig{JWKSURL: server.URL, Audience: testAudience, Issuer: testIssuer, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func atTestNow() time.Time { return testNow }

// of is a good token of this key with some claims changed; "" as id means none.
func of(t *testing.T, method jwt.SigningMethod, key any, id string, change jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": testSubject, "aud": testAudience, "iss": testIssuer, "exp": testNow.Add(time.Minute).Unix()}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	token := jwt.NewWithClaims(method, claims)
	if id != "" {
		token.Header["kid"] = id
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func published(keys ...jose.JSONWebKey) *issuer {
	i := &issuer{}
	i.keys.Store(&jose.JSONWebKeySet{Keys: keys})
	return i
}

func publicKey(key *rsa.PrivateKey, id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: &key.PublicKey, KeyID: id, Algorithm: "RS256", Use: "sig"}
}

// TestAPublicKeyIsNoSecret, nor is a token believed that names another algorithm, or
// none: whatever of the key set somebody takes for the secret of HS256.
func TestAPublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	set := publicKey(key, "one")
	v := keysVerifier(t, published(set), atTestNow)
	if _, err := v.Subject(t.Context(), of(t, jwt.SigningMethodRS256, key, "one", nil)); err != nil {
		t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := set.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	thumbprint := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
	good := of(t, jwt.SigningMethodRS256, key, "one", nil)
	_, body, _ := strings.Cut(good, ".")
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	tokens := map[string]string{
		"alg none":                      of(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "one", nil),
		"alg none, no kid":              of(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", nil),
		"alg None with the signature":   header(`{"alg":"None","kid":"one"}`) + "." + body,
		"no alg with the signature":     header(`{"kid":"one"}`) + "." + body,
		"alg is a number":               header(`{"alg":256,"kid":"one"}`) + "." + body,
		"RS384":                         of(t, jwt.SigningMethodRS384, key, "one", nil),
		"PS256":                         of(t, jwt.SigningMethodPS256, key, "one", nil),
		"another key under this id":     of(t, jwt.SigningMethodRS256, newKey(t), "one", nil),
		"another key without an id":     of(t, jwt.SigningMethodRS256, newKey(t), "", nil),
		"HS256 with nothing as secret":  of(t, jwt.SigningMethodHS256, []byte{}, "one", nil),
		"HS256 with the key's modulus":  of(t, jwt.SigningMethodHS256, key.N.Bytes(), "one", nil),
		"HS256 with the modulus's text": of(t, jwt.SigningMethodHS256, []byte(thumbprint), "one", nil),
		"HS256 with the key in DER":     of(t, jwt.SigningMethodHS256, pkix, "one", nil),
		"HS256 with the key in PEM":     of(t, jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}), "one", nil),
		"HS256 with PKCS #1 in PEM":     of(t, jwt.SigningMethodHS256, pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)}), "", nil),
		"HS256 with the key's JSON":     of(t, jwt.SigningMethodHS256, asJSON, "one", nil),
		"a key that the token brings": header(`{"alg":"RS256","kid":"mine","jku":"http://127.0.0.1:1/","jwk":`+string(asJSON)+`}`) +
			"." + body,
	}
	for name, token := range tokens {
		var invalid *InvalidToken
		if _, err := v.Subject(t.Context(), token); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestATokenWithoutAKeyID is that of the only key there is; of several none is tried.
func TestATokenWithoutAKeyID(t *testing.T) {
	t.Parallel()
	one, two := newKey(t), newKey(t)
	alone := keysVerifier(t, published(publicKey(one, "one")), atTestNow)
	if _, err := alone.Subject(t.Context(), of(t, jwt.SigningMethodRS256, one, "", nil)); err != nil {
		t.Errorf("with one key: %v", err)
	}
	several := keysVerifier(t, published(publicKey(one, "one"), publicKey(two, "two")), atTestNow)
	for _, key := range []*rsa.PrivateKey{one, two} {
		var invalid *InvalidToken
		if _, err := several.Subject(t.Context(), of(t, jwt.SigningMethodRS256, key, "", nil)); !errors.As(err, &invalid) {
			t.Errorf("with two keys: %v", err)
		}
	}
	if _, err := several.Subject(t.Context(), of(t, jwt.SigningMethodRS256, two, "two", nil)); err != nil {
		t.Error(err)
	}
	for _, id := range []any{7, nil, []string{"one"}} {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": testSubject, "aud": testAudience, "iss": testIssuer, "exp": testNow.Add(time.Minute).Unix()})
		token.Header["kid"] = id
		text, err := token.SignedString(one)
		if err != nil {
			t.Fatal(err)
		}
		var invalid *InvalidToken
		if _, err := several.Subject(t.Context(), text); !errors.As(err, &invalid) {
			t.Errorf("the id %v: %v", id, err)
		}
	}
}

// TestTimesOfAnIssuersTokens: exp is required, nbf is checked where it is.
func TestTimesOfAnIssuersTokens(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	v := keysVerifier(t, published(publicKey(key, "one")), atTestNow)
	at := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	for name, c := range map[string]struct {
		change jwt.MapClaims
		says   string
	}{
		"good":              {nil, ""},
		"no exp":            {jwt.MapClaims{"exp": nil}, "claim is missing"},
		"exp null":          {jwt.MapClaims{"exp": json.RawMessage("null")}, "claim is missing"},
		"exp is a text":     {jwt.MapClaims{"exp": "tomorrow"}, "malformed"},
		"expired":           {jwt.MapClaims{"exp": at(-31 * time.Second)}, "expired"},
		"exp in 1970":       {jwt.MapClaims{"exp": 0}, "expired"},
		"nbf now":           {jwt.MapClaims{"nbf": at(0)}, ""},
		"nbf in a minute":   {jwt.MapClaims{"nbf": at(time.Minute)}, "not valid yet"},
		"nbf is a text":     {jwt.MapClaims{"nbf": "now"}, "malformed"},
		"no audience":       {jwt.MapClaims{"aud": nil}, ""},
		"another issuer":    {jwt.MapClaims{"iss": "https://other.test"}, "another issuer"},
		"another's subject": {jwt.MapClaims{"sub": "alice"}, "no user id"},
	} {
		_, err := v.Subject(t.Context(), of(t, jwt.SigningMethodRS256, key, "one", c.change))
		var invalid *InvalidToken
		switch {
		case name == "good" || name == "nbf now":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, &invalid), !strings.Contains(invalid.Reason, c.says):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnIssuerThatWasNeverThere: the token is not called invalid, nobody is let in,
// the issuer is not flooded, and once it is there it is asked within a second.
func TestAnIssuerThatWasNeverThere(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	i := &issuer{} // away
	v := keysVerifier(t, i, func() time.Time { return testNow.Add(time.Duration(i.clock.Load()) * time.Second) })
	good := of(t, jwt.SigningMethodRS256, key, "one", nil)
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			var invalid *InvalidToken
			if _, err := v.Subject(t.Context(), good); err == nil || errors.As(err, &invalid) || !strings.Contains(err.Error(), "could not be checked") {
				t.Errorf("while the issuer is away: %v", err)
			}
		})
	}
	all.Wait()
	if n := i.asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	i.publish(key, "one")
	i.clock.Store(1)
	if _, err := v.Subject(t.Context(), good); err != nil {
		t.Errorf("once it is there: %v", err)
	}
}

// TestKeySetsThatAreNone: too long, not a set, without a key that is good enough. None
// lets anybody in, and none is taken for the token's fault.
func TestKeySetsThatAreNone(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	set := func(keys ...jose.JSONWebKey) string {
		text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	encryption, other := publicKey(key, "one"), publicKey(key, "one")
	encryption.Use, other.Algorithm = "enc", "RS512"
	for name, c := range map[string]struct{ body, says string }{
		"too long":                    {set(publicKey(key, "one")) + strings.Repeat(" ", keysLength), "longer than"},
		"a page":                      {"<html>", "no key set"},
		"nothing":                     {"", "no key set"},
		"an empty set":                {set(), "no RSA key"},
		"a weak key":                  {set(publicKey(weak, "one")), "no RSA key"},
		"a key for encryption":        {set(encryption), "no RSA key"},
		"a key for another algorithm": {set(other), "no RSA key"},
		"a secret":                    {set(jose.JSONWebKey{Key: testSecret, KeyID: "one"}), "no RSA key"},
	} {
		v := keysVerifier(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.body)) }), atTestNow)
		for _, token := range []string{of(t, jwt.SigningMethodRS256, key, "one", nil), of(t, jwt.SigningMethodRS256, weak, "one", nil)} {
			var invalid *InvalidToken
			if _, err := v.Subject(t.Context(), token); err == nil || errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// As long as a set may be it is read.
	whole := set(publicKey(key, "one"))
	whole += strings.Repeat(" ", keysLength-len(whole))
	v := keysVerifier(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(whole)) }), atTestNow)
	if _, err := v.Subject(t.Context(), of(t, jwt.SigningMethodRS256, key, "one", nil)); err != nil {
		t.Errorf("as long as it may be: %v", err)
	}
}
