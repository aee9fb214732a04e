package bans

import (
	"sync"
	"time"
)

// How long Twitch's word on who moderates a channel is believed, and how many such
// answers are kept.
const (
	memoryLasts = 30 * time.Second
	memoryHolds = 10_000
)

// memory remembers for a short time who moderates which channel.
type memory struct {
	now func() time.Time
	mu  sync.Mutex
	all map[[2]string]remembered
}

type remembered struct {
	moderates bool
	until     time.Time
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, all: map[[2]string]remembered{}}
}

func (m *memory) get(broadcaster, user string) (moderates, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.all[[2]string{broadcaster, user}]
	if !ok || m.now().After(r.until) {
		return false, false
	}
	return r.moderates, true
}

func (m *memory) put(broadcaster, user string, moderates bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) >= memoryHolds {
		m.forgetOld()
	}
	m.all[[2]string{broadcaster, user}] = remembered{moderates, m.now().Add(memoryLasts)}
}

// forget drops what Twitch has just contradicted.
func (m *memory) forget(broadcaster, user string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, [2]string{broadcaster, user})
}

// forgetOld makes room: what is out of date goes, and if that is nothing, everything.
func (m *memory) forgetOld() {
	now := m.now()
	for k, r := range m.all {
		if now.After(r.until) {
			delete(m.all, k)
		}
	}
	if len(m.all) >= memoryHolds {
		clear(m.all)
	}
}
