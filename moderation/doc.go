// Package moderation puts the moderation API together: from its settings a server
// that can be run, asked whether it is ready, and stopped without losing a request.
package moderation
