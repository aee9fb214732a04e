// Package schema knows what the service needs in its database: Clipper's tables,
// at the version of the moderation release or later, and a few tables of its own.
package schema
