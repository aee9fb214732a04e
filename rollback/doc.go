// Package rollback moves a database back without losing what is in it: it counts
// what would be lost, saves those rows and proves that they can be read again, runs
// the down files, and shows that nothing else changed. What the archive holds,
// Restore puts back.
//
// The server is the judge of what is lost, not the text of the files: inside every
// file's transaction, before its commit, each table and column that is gone must be
// in the archive, or the file is undone.
package rollback
