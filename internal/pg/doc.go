// Package pg is everything clipperops does with a PostgreSQL server as such:
// connections that state their timeouts and explain why they failed, the
// advisory locks that keep two operators apart, who holds and who blocks, the
// client programs, and the snapshot of a schema.
package pg
