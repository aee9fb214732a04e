// Package problem holds the errors that the moderation API shows to its clients:
// each has a stable code, the HTTP status that belongs to it, a sentence for
// people, and, where it says something a client can act on, a detail.
//
// A service returns a *Problem for what the client did or must know, and any
// other error for what went wrong inside; [Of] turns both into what is shown, so
// that nothing of the inside reaches a client.
package problem
