// Package pgtest gives tests a real PostgreSQL: one server for all of them, one
// database for each, and servers of their own for tests that restart or kill.
//
// The shared server is, in this order: the one CLIPPEROPS_TEST_DATABASE_URL
// names (a superuser's URL; withpg sets it), one made of the server programs of
// this machine, one run by a Docker engine. A test that can have none fails, with
// the command that installs one.
package pgtest
