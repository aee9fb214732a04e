// Package ops holds the words every part of clipperops speaks: a Check yields a
// Result, Results stand in a Step, Steps make a Run, and a Run is what the
// ledger stores and the reports render. What an operator sees is one of these.
//
// The package imports the standard library alone.
package ops
