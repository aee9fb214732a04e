// Package notify tells people what happened: Slack, a webhook, mail, a writer; and
// Grafana, as annotations. A Queue takes messages without ever holding up who posts
// them, and brings each to every channel on that channel's own goroutine.
//
// What gives access, like the URL of a Slack webhook, a token or a password, is in no
// error and in no name of a channel.
package notify
