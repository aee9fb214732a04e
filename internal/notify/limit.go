package notify

import "time"

// limiter lets one message of a key through in a while, and counts the others.
type limiter struct {
	every time.Duration
	last  map[string]*told
}

// told is what was last let through of a key.
type told struct {
	at    time.Time
	level Level
	held  int // how many were held back since
}

// mostKeys is from how many keys on those of the past are forgotten.
const mostKeys = 256

// admit reports whether the message goes out, and how many of its key were held back
// before it. A page always does, and so does what is more urgent than the last.
func (l *limiter) admit(m Message, now time.Time) (held int, ok bool) {
	if m.Key == "" || l.every < 0 {
		return 0, true
	}
	last, known := l.last[m.Key]
	if since := now.Sub(last.time()); known && since >= 0 && since < l.every && m.Level != Page && m.Level.rank() <= last.level.rank() {
		last.held++
		return 0, false
	}
	if known {
		held = last.held
	}
	l.forget(now)
	l.last[m.Key] = &told{at: now, level: m.Level}
	return held, true
}

func (t *told) time() time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.at
}

// forget drops the keys whose time is over when there are many.
func (l *limiter) forget(now time.Time) {
	if len(l.last) < mostKeys {
		return
	}
	for key, t := range l.last {
		if now.Sub(t.at) >= l.every {
			delete(l.last, key)
		}
	}
}
