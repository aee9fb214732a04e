package settings

import (
	"net/netip"
	"time"

	"github.com/clipper/clipperops/moderation/database"
)

// Settings are what the service is told. Secrets in it never show themselves.
type Settings struct {
	Addr           string         // MODERATION_ADDR: where the API listens; default 127.0.0.1:8080
	MetricsAddr    string         // METRICS_ADDR: where /metrics listens; "" = with the API
	TrustedProxies []netip.Prefix // TRUSTED_PROXIES: whose X-Forwarded-For is believed
	ShutdownDelay  time.Duration  // SHUTDOWN_DELAY: how long /ready says "stopping" before connections are refused; default 1 s
	Shutdown       time.Duration  // SHUTDOWN_TIMEOUT: how long requests may go on after that; default 20 s

	Database database.Config // DATABASE_URL, or DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME, DB_SSLMODE; DB_MAX_CONNS, DB_QUEUE, DB_TIMEOUT

	JWTSecret   Secret // JWT_SECRET: HS256
	JWKSURL     string // JWT_JWKS_URL: RS256
	JWTAudience string // JWT_AUDIENCE
	JWTIssuer   string // JWT_ISSUER; "" = not checked

	TwitchURL          string // TWITCH_URL; default https://api.twitch.tv/helix
	TwitchAuthURL      string // TWITCH_AUTH_URL; default https://id.twitch.tv/oauth2
	TwitchClientID     string // TWITCH_CLIENT_ID
	TwitchClientSecret Secret // TWITCH_CLIENT_SECRET: for refreshing tokens; "" = they are not
	TokenKey           Secret // TOKEN_KEY: 32 bytes in base64
	TokenKeyPrevious   Secret // TOKEN_KEY_PREVIOUS: the one before
	DevTokens          string // TWITCH_DEV_TOKENS: a file of users' tokens, for development instead of the table

	FeatureStore string // FEATURE_STORE: env, envfile, flagd or postgres; default env
	FeatureFile  string // FEATURE_FILE: for envfile and flagd
}

// DefaultAddr is where the API listens unless it is told otherwise.
const DefaultAddr = "127.0.0.1:8080"

// The stores of flags.
const (
	StoreEnv      = "env"
	StoreEnvFile  = "envfile"
	StoreFlagd    = "flagd"
	StorePostgres = "postgres"
)

// Secret does not show itself.
type Secret string

const stars = "****"

// Reveal is the secret, for the one place that uses it.
func (s Secret) Reveal() string { return string(s) }

// String is not the secret, nor is what follows.
func (Secret) String() string { return stars }

// GoString is for %#v.
func (Secret) GoString() string { return stars }

// MarshalText is for JSON, slog and the like.
func (Secret) MarshalText() ([]byte, error) { return []byte(stars), nil }
