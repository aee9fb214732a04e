// Package rollout exposes a feature to more and more users, phase by phase, and takes
// it back: what a phase still lacks, what metrics say of it, one way of changing the
// flag, and a watch that acts when nobody is awake.
//
// The state lives in Postgres, in schema clipperops, so that any machine goes on where
// another stopped. More exposure has to be earned; less never waits for anything: not
// for a gate, not for the state's database, not for another operator.
package rollout
