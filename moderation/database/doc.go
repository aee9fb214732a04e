// Package database is the moderation API's way to Postgres: a pool with a bounded
// queue in front of it, so that a database that is away or slow is said within a
// second, and nobody piles up behind it.
package database
