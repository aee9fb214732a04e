// Package gate judges counts: k bad of n, requests per bucket of a histogram. It asks
// nobody and knows no clock; what it is given, it says pass, fail or hold of, with the
// evidence in words.
//
// Budget and Slow decide once, at the end of a soak. Sustained and CUSUM watch on and
// on. Slower compares with a time before. What cannot be told is held, never passed;
// so is what cannot be: NaN, negative counts, more bad ones than all.
//
// docs/gates.md explains each with its formula and source, and what was simulated.
package gate
