// Package page finds the users of a channel, and what was last done about each of
// them there.
package page
