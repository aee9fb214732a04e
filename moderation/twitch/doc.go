// Package twitch asks Twitch to ban, time out and unban users of a channel, and
// asks about tokens and moderators.
//
// A ban that may have been applied is never repeated without asking Twitch whether
// it was; where that cannot be told, the error says so ([Uncertain]). docs/twitch.md
// lists what is retried, when, and what is promised.
package twitch
