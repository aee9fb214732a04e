package identity

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	keysFresh  = 10 * time.Minute // keys are fetched anew after so long
	keysPause  = 30 * time.Second // an unknown key id makes us ask again at most this often
	keysLength = 1 << 20          // bytes of a key set
	minKeyBits = 2048             // RFC 7518, 3.3
)

// keySet holds the public keys that an issuer publishes (RFC 7517). When they
// cannot be fetched anew, the last ones stay good: an issuer that is away for an
// hour ends no session.
type keySet struct {
	url    string
	client *http.Client
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	keys    map[string]*rsa.PublicKey
	fetched time.Time // of keys
	asked   time.Time // the last attempt
	failed  error     // of the last attempt
}

func newKeySet(address string, client *http.Client, now func() time.Time) (*keySet, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("the JWKS URL is not an http(s) URL")
	}
	if client == nil {
		client = &http.Client{Timeout: 5 * time.Second}
	}
	return &keySet{url: address, client: client, now: now}, nil
}

// key is the key with this id. A token without an id may use the only key there is.
func (s *keySet) key(ctx context.Context, id string) (*rsa.PublicKey, error) {
	key, fresh := s.cached(id)
	if key != nil && fresh {
		return key, nil
	}
	if s.mayAsk(key == nil) {
		_, err, _ := s.flight.Do("", func() (any, error) {
			if !s.mayAsk(key == nil) {
				return nil, nil // another one has just asked
			}
			return nil, s.fetch(context.WithoutCancel(ctx))
		})
		if again, _ := s.cached(id); again != nil {
			return again, nil // new, or the last one known: an issuer that is away ends no session
		}
		if err != nil {
			return nil, err
		}
	}
	if key != nil {
		return key, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		return nil, s.failed
	}
	return nil, &InvalidToken{Reason: "it is signed with a key that its issuer does not publish"}
}

func (s *keySet) cached(id string) (key *rsa.PublicKey, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh = s.now().Sub(s.fetched) < keysFresh
	if id == "" && len(s.keys) == 1 {
		for _, only := range s.keys {
			return only, fresh
		}
	}
	return s.keys[id], fresh
}

// mayAsk reports whether the issuer may be asked now: tokens with invented key ids
// must not make us flood it.
func (s *keySet) mayAsk(missing bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	pause := keysPause
	if missing && s.keys == nil {
		pause = time.Second // nothing is known yet: nobody can come in
	}
	return s.asked.IsZero() || s.now().Sub(s.asked) >= pause
}

func (s *keySet) fetch(ctx context.Context) error {
	keys, err := s.get(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.failed = s.now(), err
	if err == nil {
		s.keys, s.fetched = keys, s.now()
	}
	return err
}

func (s *keySet) get(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, errors.New("the JWKS URL cannot be asked")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking for the issuer's keys: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for the issuer's keys: it answered %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, keysLength+1))
	if err != nil {
		return nil, fmt.Errorf("reading the issuer's keys: %w", err)
	}
	if len(body) > keysLength {
		return nil, fmt.Errorf("the issuer's key set is longer than %d bytes; is the JWKS URL the one where it publishes its keys?", keysLength)
	}
	return parseKeys(body)
}

// parseKeys takes the RSA keys for signatures out of a key set and leaves out all
// others: sets in the field hold keys for encryption and other algorithms, too.
func parseKeys(body []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("the issuer's answer is no key set")
	}
	keys := map[string]*rsa.PublicKey{}
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) != nil || (k.Use != "" && k.Use != "sig") || (k.Algorithm != "" && k.Algorithm != string(jose.RS256)) {
			continue
		}
		if public, ok := k.Key.(*rsa.PublicKey); ok && public.N.BitLen() >= minKeyBits {
			keys[k.KeyID] = public
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("the issuer publishes no RSA key for signatures of at least %d bits", minKeyBits)
	}
	return keys, nil
}
