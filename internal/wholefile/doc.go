// Package wholefile writes files that are whole or absent.
//
// What is saved before a change is worth nothing when it is half there, and a
// half file is hard to tell from a whole one. So a file is written under a name
// that ends in .partial and gets its own only when all of it is on the disk, the
// name included; whatever goes wrong before leaves nothing under either name.
//
// A writer that is killed can clear up nothing. Therefore every writer holds a
// lock (flock) on its .partial file, which the system lets go however the
// process ends: an unlocked one was left by the dead, and the next writer
// removes it. Only who holds the lock may remove the name.
//
// Backups and archives also agree on how files are called: by the second, in
// UTC, in which they were begun, and the next free one when that is taken.
package wholefile
