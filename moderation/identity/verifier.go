package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// minSecret is the least length of an HS256 secret, in bytes: RFC 7518, 3.2 asks
// for as many as the hash has.
const minSecret = 32

// leeway is how far the clocks of those who sign and those who check may be apart.
const leeway = 30 * time.Second

// VerifierConfig says which tokens are believed. One of Secret and JWKSURL is set.
type VerifierConfig struct {
	Secret   []byte           // HS256; at least 32 bytes
	JWKSURL  string           // RS256; where the issuer publishes its keys
	Audience string           // must be among the token's aud
	Issuer   string           // must be the token's iss; "" = not checked
	Client   *http.Client     // fetches the keys; default: one with a timeout of 5 s
	Now      func() time.Time // default time.Now
}

// Verifier checks tokens. It is safe for use by many goroutines.
type Verifier struct {
	parser *jwt.Parser
	secret []byte
	keys   *keySet
}

// NewVerifier is a verifier for exactly one algorithm: a token that names another
// one, or none, is refused before its signature is looked at, so that a public
// key can never be taken for a secret.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Audience == "" {
		return nil, errors.New("no audience for the sessions' tokens: without one, tokens made for another service would be believed")
	}
	v := &Verifier{secret: c.Secret}
	method := jwt.SigningMethodHS256.Alg()
	switch {
	case len(c.Secret) > 0 && c.JWKSURL != "":
		return nil, errors.New("both a secret (HS256) and a JWKS URL (RS256) are set; choose one")
	case c.JWKSURL != "":
		keys, err := newKeySet(c.JWKSURL, c.Client, c.Now)
		if err != nil {
			return nil, err
		}
		v.keys, method = keys, jwt.SigningMethodRS256.Alg()
	case len(c.Secret) < minSecret:
		return nil, fmt.Errorf("the secret of the sessions' tokens has %d bytes; HS256 needs at least %d", len(c.Secret), minSecret)
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{method}), jwt.WithExpirationRequired(), jwt.WithAudience(c.Audience),
		jwt.WithLeeway(leeway), jwt.WithTimeFunc(c.Now), jwt.WithStrictDecoding(),
	}
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	v.parser = jwt.NewParser(options...)
	return v, nil
}

// Subject is the user whom a valid token names. The error of a token that is not
// valid is an *InvalidToken; any other says that it could not be checked.
func (v *Verifier) Subject(ctx context.Context, token string) (uuid.UUID, error) {
	var claims jwt.RegisteredClaims
	var unchecked error
	_, err := v.parser.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) {
		if v.keys == nil {
			return v.secret, nil
		}
		id, _ := t.Header["kid"].(string)
		key, err := v.keys.key(ctx, id)
		var invalid *InvalidToken
		if err != nil && !errors.As(err, &invalid) {
			unchecked = err
		}
		return key, err
	})
	switch {
	case unchecked != nil:
		return uuid.Nil, fmt.Errorf("the session could not be checked: %w", unchecked)
	case err != nil:
		return uuid.Nil, invalid(err)
	}
	id, err := parseID(claims.Subject)
	if err != nil {
		return uuid.Nil, &InvalidToken{Reason: "its subject is no user id"}
	}
	return id, nil
}

// parseID reads a uuid in its one usual form: uuid.Parse takes others too, and two
// spellings of one user must not be two users to a rate limit or a flag.
func parseID(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.String() != s || id == uuid.Nil {
		return uuid.Nil, errors.New("not a uuid in its usual form")
	}
	return id, nil
}

// InvalidToken says why a token is not believed, in words that may be shown.
type InvalidToken struct{ Reason string }

func (e *InvalidToken) Error() string { return "the token is not valid: " + e.Reason }

func invalid(err error) *InvalidToken {
	var known *InvalidToken
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, jwt.ErrTokenExpired):
		return &InvalidToken{"it has expired"}
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return &InvalidToken{"it is not valid yet"}
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return &InvalidToken{"it was made for another service"}
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return &InvalidToken{"it was made by another issuer"}
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return &InvalidToken{"a claim is missing that it must have (exp, aud)"}
	case errors.Is(err, jwt.ErrTokenMalformed):
		return &InvalidToken{"it is malformed"}
	default:
		return &InvalidToken{"its signature or algorithm is not the expected one"}
	}
}
