// Package bans bans and unbans users of a Twitch channel for those who may: it
// checks the flag once more, the permission, the scope and the limit, calls
// Twitch, and leaves an audit row however it ends.
package bans
