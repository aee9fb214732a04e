package migrate

import "time"

// expects is how long the file, or the statement of it, is expected to take; zero when
// nothing is known.
func (e *engine) expects(f File, statement int) time.Duration {
	for _, x := range e.expected {
		if x.Version == f.Version && x.Statement == statement {
			return x.Took
		}
	}
	return 0
}

// worked is how long it has run without waiting for locks: a rehearsal has none to
// wait for.
func (job *observed) worked() time.Duration {
	now := time.Now()
	return max(now.Sub(job.started)-job.waits.total(now), 0)
}

func (job *observed) left() time.Duration {
	return max(job.expected-job.worked(), 0)
}

// soFar is "40 s", "about 40 s of about 2 min", or "3 min, about 2 min were expected".
func (job *observed) soFar() string {
	so, expected := job.worked(), job.expected
	switch {
	case expected <= 0:
		return roughly(time.Since(job.started))
	case so > expected:
		return roughly(so) + ", about " + roughly(expected) + " were expected"
	}
	return "about " + roughly(so) + " of about " + roughly(expected)
}
