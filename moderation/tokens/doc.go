// Package tokens keeps the Twitch sessions of Clipper's users: encrypted at rest,
// validated every hour as Twitch demands, refreshed where that is possible.
package tokens
