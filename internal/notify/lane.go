package notify

import (
	"slices"
	"strconv"
	"sync"
)

// lane is what waits for one channel.
type lane struct {
	channel Channel
	size    int
	wake    chan struct{} // that something waits, or that no more will come

	mu      sync.Mutex
	waiting []Message
	lost    int // messages that this channel was not told since the last one it was
	sending int // 1 while one is under way
	closed  bool
}

func newLane(c Channel, size int) *lane {
	return &lane{channel: c, size: size, wake: make(chan struct{}, 1)}
}

// put adds a message. When there is no room the oldest of the least urgent is lost,
// which may be the new one.
func (l *lane) put(m Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, m)
	if len(l.waiting) > l.size {
		least := 0
		for i, w := range l.waiting {
			if w.Level.rank() < l.waiting[least].Level.rank() {
				least = i
			}
		}
		l.waiting = slices.Delete(l.waiting, least, least+1)
		l.lost++
	}
	l.stir()
}

// close says that no more will come.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.stir()
}

func (l *lane) stir() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake already
	}
}

// next is the message to send: the oldest page, or else the oldest, with how many were
// lost before it. ended: there is none and none will come.
func (l *lane) next() (m Message, lost int, ok, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return Message{}, 0, false, l.closed
	}
	first := max(0, slices.IndexFunc(l.waiting, func(w Message) bool { return w.Level == Page }))
	m = l.waiting[first]
	l.waiting = slices.Delete(l.waiting, first, first+1)
	l.sending = 1
	if l.lost > 0 {
		m.Facts = append(slices.Clone(m.Facts), Fact{"Not delivered before this", strconv.Itoa(l.lost)})
	}
	return m, l.lost, true, false
}

// sent notes how the message fared that next gave out.
func (l *lane) sent(lost int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sending = 0
	if err == nil {
		l.lost -= lost // those that were lost meanwhile are told next time
	} else {
		l.lost++
	}
}

// left is how many messages have not been sent.
func (l *lane) left() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) + l.sending
}
