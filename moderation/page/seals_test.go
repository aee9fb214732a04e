package page

import (
	"encoding/base64"
	"testing"
	"time"
)

// Guards against a form or a notice of somebody else's making, or of yesterday.
func TestSeals(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	seals := func(secrets ...string) *Seals {
		s, err := NewSeals(secrets...)
		if err != nil {
			t.Fatal(err)
		}
		s.now = func() time.Time { return now }
		return s
	}
	s, b := seals("a secret"), Bound{"notice", "user", "1"}
	sealed := s.Seal(b, "Ann is banned.", time.Minute)
	if got, ok := seals("", "a secret", "").Open(b, sealed); !ok || got != "Ann is banned." {
		t.Errorf("another instance opens %q, %v", got, ok)
	}
	if _, ok := seals("a new secret", "a secret").Open(b, sealed); !ok {
		t.Error("after a change of the secret what was sealed before does not open")
	}
	for name, other := range map[string]*Seals{"another secret": seals("another"), "no secret": seals(), "no secret either": seals()} {
		if _, ok := other.Open(b, sealed); ok {
			t.Errorf("%s opens it", name)
		}
	}
	for _, other := range []Bound{{"form", "user", "1"}, {"notice", "resu", "1"}, {"notice", "user", "2"}, {"notic", "euser", "1"}, {"notice", "user1", ""}} {
		if _, ok := s.Open(other, sealed); ok {
			t.Errorf("it opens for %+v", other)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw { // the code, the end, the text
		raw[i] ^= 1
		if _, ok := s.Open(b, base64.RawURLEncoding.EncodeToString(raw)); ok {
			t.Errorf("it opens with byte %d changed", i)
		}
		raw[i] ^= 1
	}
	for _, junk := range []string{"", "x", sealed[:40], sealed + "A", sealed + "=", " " + sealed, sealed + "\n"} {
		if _, ok := s.Open(b, junk); ok {
			t.Errorf("%q opens", junk)
		}
	}
	now = now.Add(time.Minute)
	if _, ok := s.Open(b, sealed); ok {
		t.Error("it opens when its time is over")
	}
}

// FuzzOpen: nothing opens that was not sealed.
func FuzzOpen(f *testing.F) {
	s, err := NewSeals("a secret")
	if err != nil {
		f.Fatal(err)
	}
	b := Bound{"form", "user", "1"}
	good := s.Seal(b, "text", time.Hour)
	f.Add(good)
	f.Add("")
	f.Add(good[:43])
	f.Fuzz(func(t *testing.T, sealed string) {
		if text, ok := s.Open(b, sealed); ok && (sealed != good || text != "text") {
			t.Errorf("%q opens as %q", sealed, text)
		}
	})
}
