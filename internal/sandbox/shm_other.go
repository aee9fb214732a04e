//go:build !linux && !darwin

package sandbox

// removeSegment does nothing: the system has no call for it that Go offers.
func (p postmaster) removeSegment() {}
