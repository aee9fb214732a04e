// Package identity says who asks: it checks the session's token and reads the
// user it names from the database. What a user may do comes from the database,
// never from the token.
package identity
