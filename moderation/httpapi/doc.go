// Package httpapi is the moderation API over HTTP: its routes, who may use them,
// how a request is read and an answer written. What is done is done by the
// packages beside it.
package httpapi
