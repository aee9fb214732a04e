// Package repair finds out where a database stands that was left dirty: a version
// row that says a file was begun, by whatever tool, and not how it ended.
//
// It makes the schema of the version, of the one before it and of the one after it
// elsewhere, from the files, and compares the database with all three. What differs
// elsewhere does not matter. It only looks: nothing of the database is changed.
package repair
