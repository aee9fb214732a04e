package settings

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clipper/clipperops/moderation/database"
)

// Part is a part of the settings; a command needs only some.
type Part int

// The parts.
const (
	ForDatabase Part = 1 << iota
	ForFlags
	ForServing
)

// Environment is where variables come from: os.LookupEnv.
type Environment func(name string) (string, bool)

// Read reads those parts of the settings. The error joins every mistake; none
// repeats a value that may be secret.
func Read(env Environment, parts Part) (Settings, error) {
	r := &reader{env: env}
	var s Settings
	s.FeatureStore = r.oneOf("FEATURE_STORE", StoreEnv, StoreEnv, StoreEnvFile, StoreFlagd, StorePostgres)
	s.FeatureFile = r.text("FEATURE_FILE", "")
	if inFile := s.FeatureStore == StoreEnvFile || s.FeatureStore == StoreFlagd; parts&ForFlags != 0 && inFile && s.FeatureFile == "" {
		r.wrong("FEATURE_FILE", "is not set; FEATURE_STORE=%s needs the file to read", s.FeatureStore)
	}
	if parts&ForDatabase != 0 || (parts&ForFlags != 0 && s.FeatureStore == StorePostgres) {
		s.Database = r.database()
	}
	if parts&ForServing != 0 {
		r.serving(&s)
	}
	return s, errors.Join(r.mistakes...)
}

type reader struct {
	env      Environment
	mistakes []error
}

func (r *reader) wrong(name, what string, args ...any) {
	r.mistakes = append(r.mistakes, fmt.Errorf("%s %s", name, fmt.Sprintf(what, args...)))
}

func (r *reader) serving(s *Settings) {
	s.Addr = r.address("MODERATION_ADDR", DefaultAddr)
	s.MetricsAddr = r.address("METRICS_ADDR", "")
	s.ShutdownDelay = r.duration("SHUTDOWN_DELAY", time.Second)
	s.Shutdown = r.duration("SHUTDOWN_TIMEOUT", 20*time.Second)
	s.TrustedProxies = r.prefixes("TRUSTED_PROXIES")
	s.JWTSecret = r.secret("JWT_SECRET")
	s.JWKSURL = r.url("JWT_JWKS_URL", "")
	s.JWTAudience = r.required("JWT_AUDIENCE", "the audience that sessions' tokens are made for")
	s.JWTIssuer = r.text("JWT_ISSUER", "")
	switch {
	case s.JWTSecret == "" && s.JWKSURL == "":
		r.wrong("JWT_SECRET", "is not set, nor is JWT_JWKS_URL; one of them says which sessions are believed")
	case s.JWTSecret != "" && s.JWKSURL != "":
		r.wrong("JWT_SECRET", "and JWT_JWKS_URL are both set; choose one")
	}
	s.TwitchURL = r.url("TWITCH_URL", "https://api.twitch.tv/helix")
	s.TwitchAuthURL = r.url("TWITCH_AUTH_URL", "https://id.twitch.tv/oauth2")
	s.TwitchClientID = r.required("TWITCH_CLIENT_ID", "the id of Clipper's application at Twitch")
	s.TwitchClientSecret = r.secret("TWITCH_CLIENT_SECRET")
	s.TokenKey, s.TokenKeyPrevious = r.secret("TOKEN_KEY"), r.secret("TOKEN_KEY_PREVIOUS")
	s.DevTokens = r.text("TWITCH_DEV_TOKENS", "")
	if s.TokenKey == "" && s.DevTokens == "" {
		r.wrong("TOKEN_KEY", "is not set; users' Twitch tokens are encrypted with it: openssl rand -base64 32")
	}
}

// text is a variable, or what it is without.
func (r *reader) text(name, without string) string {
	if v, ok := r.env(name); ok && strings.TrimSpace(v) != "" {
		return strings.TrimSpace(v)
	}
	return without
}

func (r *reader) required(name, what string) string {
	v := r.text(name, "")
	if v == "" {
		r.wrong(name, "is not set: %s", what)
	}
	return v
}

// secret is a variable, or the content of the file that NAME_FILE names.
func (r *reader) secret(name string) Secret {
	direct, file := r.text(name, ""), r.text(name+"_FILE", "")
	switch {
	case file == "":
		return Secret(direct)
	case direct != "":
		r.wrong(name, "and %s_FILE are both set; choose one", name)
		return Secret(direct)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		r.wrong(name+"_FILE", "names a file that cannot be read: %v", err)
		return ""
	}
	if len(strings.TrimSpace(string(content))) == 0 {
		r.wrong(name+"_FILE", "names a file that is empty: %s", file)
	}
	return Secret(strings.TrimRight(string(content), "\r\n"))
}

func (r *reader) oneOf(name, without string, values ...string) string {
	v := r.text(name, without)
	if !slices.Contains(values, v) {
		r.wrong(name, "is %q; expected one of %s", v, strings.Join(values, ", "))
	}
	return v
}

func (r *reader) address(name, without string) string {
	v := r.text(name, without)
	if v == "" {
		return ""
	}
	if _, port, err := net.SplitHostPort(v); err != nil || port == "" {
		r.wrong(name, "is %q; expected host:port, like 127.0.0.1:8080", v)
	}
	return v
}

func (r *reader) url(name, without string) string {
	v := r.text(name, without)
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		r.wrong(name, "is not an http(s) URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		r.wrong(name, "holds more than a scheme, a host and a path")
	}
	return strings.TrimRight(v, "/")
}

func (r *reader) duration(name string, without time.Duration) time.Duration {
	v := r.text(name, "")
	if v == "" {
		return without
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 || d > time.Hour {
		r.wrong(name, "is %q; expected a duration like 900ms or 20s, at most 1h", v)
	}
	return d
}

func (r *reader) number(name string, most int) int {
	v := r.text(name, "")
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		r.wrong(name, "is %q; expected a number from 1 to %d", v, most)
	}
	return n
}

func (r *reader) prefixes(name string) []netip.Prefix {
	var all []netip.Prefix
	for part := range strings.SplitSeq(r.text(name, ""), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if one, single := netip.ParseAddr(part); single == nil {
			prefix, err = netip.PrefixFrom(one, one.BitLen()), nil
		}
		if err != nil {
			r.wrong(name, "has %q, which is neither an address nor a network like 10.0.0.0/8", part)
			continue
		}
		all = append(all, prefix)
	}
	return all
}

// database is DATABASE_URL, or the DB_ variables that Clipper's compose file has.
func (r *reader) database() database.Config {
	c := database.Config{
		URL: r.secret("DATABASE_URL").Reveal(), MaxConns: int32(r.number("DB_MAX_CONNS", 1000)),
		Queue: r.number("DB_QUEUE", 100_000), Timeout: r.duration("DB_TIMEOUT", 0),
	}
	host, password := r.text("DB_HOST", ""), r.secret("DB_PASSWORD")
	switch {
	case c.URL == "" && host == "":
		r.wrong("DATABASE_URL", "is not set, nor is DB_HOST: postgres://user@host:5432/clipper_db")
		return c
	case c.URL != "" && host != "":
		r.wrong("DATABASE_URL", "and DB_HOST are both set; choose one")
		return c
	case c.URL == "":
		u := url.URL{Scheme: "postgres", Host: net.JoinHostPort(host, r.text("DB_PORT", "5432")), Path: "/" + r.text("DB_NAME", "clipper_db")}
		u.User = url.UserPassword(r.text("DB_USER", "clipper"), password.Reveal())
		u.RawQuery = url.Values{"sslmode": {r.text("DB_SSLMODE", "prefer")}}.Encode()
		c.URL = u.String()
	}
	if err := c.Validate(); err != nil {
		r.wrong("DATABASE_URL", "(or DB_HOST and the others) cannot be used: %v", err)
	}
	return c
}
