package problem

import "net/http"

// Code is the stable name of an error. Clients tell errors apart by it; it never
// changes its meaning.
type Code string

// The codes of Clipper's moderation API. The first nine are those that Clipper's
// clients know from its Twitch endpoints.
const (
	FeatureDisabled        Code = "FEATURE_DISABLED"          // the flag is off for this user
	SiteModeratorsReadOnly Code = "SITE_MODERATORS_READ_ONLY" // Clipper's own moderators do not act on Twitch
	NotAuthenticated       Code = "NOT_AUTHENTICATED"         // no session, or (403) no linked Twitch account
	InsufficientScopes     Code = "INSUFFICIENT_SCOPES"       // the Twitch token lacks the scope
	NotBroadcaster         Code = "NOT_BROADCASTER"           // the channel is somebody else's
	NotModerator           Code = "NOT_MODERATOR"             // not a moderator of the channel on Twitch
	RateLimitExceeded      Code = "RATE_LIMIT_EXCEEDED"       // ours or Twitch's; Retry-After says when
	TwitchAPIError         Code = "TWITCH_API_ERROR"          // Twitch refused, failed or did not answer
	InvalidRequest         Code = "INVALID_REQUEST"           // the request cannot be understood

	Forbidden            Code = "FORBIDDEN"              // the role does not allow it
	UserBanned           Code = "USER_BANNED"            // a banned user does nothing here
	NotFound             Code = "NOT_FOUND"              // no such thing
	MethodNotAllowed     Code = "METHOD_NOT_ALLOWED"     // Allow says what is
	Conflict             Code = "CONFLICT"               // decided, appealed or resolved already
	PayloadTooLarge      Code = "PAYLOAD_TOO_LARGE"      // the body is longer than the limit
	UnsupportedMediaType Code = "UNSUPPORTED_MEDIA_TYPE" // not application/json
	Maintenance          Code = "MAINTENANCE"            // writes are off for now; Retry-After says when to ask again
	NotReady             Code = "NOT_READY"              // the database is not at the schema the service needs
	Unavailable          Code = "UNAVAILABLE"            // the database does not answer, or everybody is waiting for it
	Internal             Code = "INTERNAL"               // a bug; the log has it under the request's id
)

// statuses is the one table of codes and HTTP statuses.
var statuses = map[Code]int{
	FeatureDisabled:        http.StatusForbidden,
	SiteModeratorsReadOnly: http.StatusForbidden,
	NotAuthenticated:       http.StatusUnauthorized,
	InsufficientScopes:     http.StatusForbidden,
	NotBroadcaster:         http.StatusForbidden,
	NotModerator:           http.StatusForbidden,
	RateLimitExceeded:      http.StatusTooManyRequests,
	TwitchAPIError:         http.StatusBadGateway,
	InvalidRequest:         http.StatusBadRequest,
	Forbidden:              http.StatusForbidden,
	UserBanned:             http.StatusForbidden,
	NotFound:               http.StatusNotFound,
	MethodNotAllowed:       http.StatusMethodNotAllowed,
	Conflict:               http.StatusConflict,
	PayloadTooLarge:        http.StatusRequestEntityTooLarge,
	UnsupportedMediaType:   http.StatusUnsupportedMediaType,
	Maintenance:            http.StatusServiceUnavailable,
	NotReady:               http.StatusServiceUnavailable,
	Unavailable:            http.StatusServiceUnavailable,
	Internal:               http.StatusInternalServerError,
}

// Codes are all codes, for the API's description.
func Codes() []Code {
	codes := make([]Code, 0, len(statuses))
	for c := range statuses {
		codes = append(codes, c)
	}
	return codes
}

// Status is the HTTP status that belongs to the code; 500 for one that is unknown.
func (c Code) Status() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}
