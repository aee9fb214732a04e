package identity

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	testSubject  = "6f1c1a52-6c0e-4f6e-9f0a-0d6f6f1c2b3a"
	testAudience = "clipper"
	testIssuer   = "https://issuer.test"
)

var (
	testSecret = []byte("0123456789abcdef0123456789abcdef")
	testNow    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func secretVerifier(t testing.TB) *Verifier {
	t.Helper()
	v, err := NewVerifier(VerifierConfig{
		Secret: testSecret, Audience: testAudience, Issuer: testIssuer, Now: func() time.Time { return testNow },
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// signed is a good token's claims with some changed; nil takes a claim away.
func signed(t testing.TB, method jwt.SigningMethod, key any, change jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": testSubject, "aud": testAudience, "iss": testIssuer, "exp": testNow.Add(time.Minute).Unix()}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestClaimsOfASecretsToken(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	v := secretVerifier(t)
	for name, c := range map[string]struct {
		change jwt.MapClaims
		good   bool
	}{
		"good":                     {nil, true},
		"expired within leeway":    {jwt.MapClaims{"exp": at(-29 * time.Second)}, true},
		"expired beyond leeway":    {jwt.MapClaims{"exp": at(-31 * time.Second)}, false},
		"no exp":                   {jwt.MapClaims{"exp": nil}, false},
		"nbf within leeway":        {jwt.MapClaims{"nbf": at(29 * time.Second)}, true},
		"nbf beyond leeway":        {jwt.MapClaims{"nbf": at(31 * time.Second)}, false},
		"another audience":         {jwt.MapClaims{"aud": "other"}, false},
		"one of several audiences": {jwt.MapClaims{"aud": []string{"other", testAudience}}, true},
		"no audience":              {jwt.MapClaims{"aud": nil}, false},
		"another issuer":           {jwt.MapClaims{"iss": "https://other.test"}, false},
		"no issuer":                {jwt.MapClaims{"iss": nil}, false},
		"no subject":               {jwt.MapClaims{"sub": nil}, false},
		"subject is a name":        {jwt.MapClaims{"sub": "alice"}, false},
		"subject in capitals":      {jwt.MapClaims{"sub": strings.ToUpper(testSubject)}, false},
		"subject is the nil uuid":  {jwt.MapClaims{"sub": "00000000-0000-0000-0000-000000000000"}, false},
	} {
		id, err := v.Subject(t.Context(), signed(t, jwt.SigningMethodHS256, testSecret, c.change))
		var invalid *InvalidToken
		if c.good && (err != nil || id.String() != testSubject) || !c.good && !errors.As(err, &invalid) {
			t.Errorf("%s: %v, %v", name, id, err)
		}
	}
}

func TestTokensNotSignedWithTheSecretAreRefused(t *testing.T) {
	t.Parallel()
	v := secretVerifier(t)
	good := signed(t, jwt.SigningMethodHS256, testSecret, nil)
	for name, token := range map[string]string{
		"alg none":       signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"HS512":          signed(t, jwt.SigningMethodHS512, testSecret, nil),
		"another secret": signed(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), nil),
		"no signature":   good[:strings.LastIndex(good, ".")+1],
		"empty":          "",
		"huge":           strings.Repeat("a", 1<<20) + "." + good,
		"only dots":      strings.Repeat(".", 1<<20),
	} {
		var invalid *InvalidToken
		if _, err := v.Subject(t.Context(), token); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzToken(f *testing.F) {
	v := secretVerifier(f)
	good := signed(f, jwt.SigningMethodHS256, testSecret, nil)
	f.Add(good)
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Subject(t.Context(), token); err == nil && token != good {
			t.Errorf("a token that nobody signed is believed: %q", token)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys and the error %v", len(keys), err)
		}
		for id, key := range keys {
			if key.N.BitLen() < minKeyBits {
				t.Errorf("the key %q of %d bits is taken", id, key.N.BitLen())
			}
		}
	})
}
