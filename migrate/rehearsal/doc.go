// Package rehearsal runs a plan on a clone of the database it is meant for: there,
// back, and there again. What the files lock, rewrite, make and take away is measured
// by the server that runs them, not guessed from their text; what was measured becomes
// results with the safe form of a statement as their fix.
package rehearsal
