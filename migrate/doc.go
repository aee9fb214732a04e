// Package migrate moves a database along a chain of golang-migrate files:
// ReadSource reads and checks them all, ReadState asks the database where it
// stands, PlanUp and PlanDown make a Plan of the two, and Apply carries out
// exactly that Plan.
//
// Files, their names and the one row of schema_migrations are golang-migrate's,
// so that either tool can take over from the other at any moment. The loop is
// not: a file and its version row are one transaction, so that a failure leaves
// the version before, clean; a plan never goes down when asked to go up; and what
// is about to happen is known, and can be shown, before it happens.
package migrate
