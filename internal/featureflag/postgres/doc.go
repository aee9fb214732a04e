// Package postgres is the store of flags in a table of the database, which tells
// every instance of a change at once (LISTEN, NOTIFY). A slow poll is the safety
// net for what a notification cannot bring: a pooler in between, a lost one.
package postgres
