// Package instances asks every running instance of a service how it sees a flag, and
// waits until all of them see it as it was set.
package instances
