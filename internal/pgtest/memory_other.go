//go:build !linux

package pgtest

// inMemory is empty: there is no such place here.
const inMemory = ""

func memoryHolds() bool { return false }
