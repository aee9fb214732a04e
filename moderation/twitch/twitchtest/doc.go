// Package twitchtest is a stand-in for Twitch's Helix and OAuth servers: it keeps
// the documented rules of bans, and fails when told to, by [Server.Fail] or over
// HTTP under /_control/. It holds no real user's data and is not for production.
//
// The API is under /helix, OAuth under /oauth2:
//
//	http.ListenAndServe("127.0.0.1:9090", twitchtest.New(twitchtest.Options{}))
package twitchtest
