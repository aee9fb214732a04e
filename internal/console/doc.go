// Package console is the terminal: a Sink that shows a run while it goes on and
// an Asker that puts questions to whoever sits before it.
//
// The result of a run goes to Out; progress, notes, prompts and errors go to Err.
// The lines are those of package reports, painted. The package reads no
// environment and opens no file: Detect derives its Options from what it is given.
package console
