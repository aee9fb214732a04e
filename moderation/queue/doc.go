// Package queue holds the cases that moderators decide: content that users have
// reported, and what was decided about it.
package queue
