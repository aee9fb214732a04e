package backup

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
)

// messagesKept bounds what is remembered of a program that will not stop complaining.
const messagesKept = 50

// messages reads a client program's stderr line by line and tells warnings and
// errors from talk. It is an io.Writer for one writer; warnings and errors are
// to be read when the program has ended, current at any time.
type messages struct {
	program  string
	warnings []string
	errors   []string
	// ended says that the program's output has ended.
	ended atomic.Bool

	rest []byte
	// last is where a line belongs that continues the one before.
	last *[]string

	mu    sync.Mutex
	doing string
}

// Write takes stderr.
func (m *messages) Write(p []byte) (int, error) {
	m.rest = append(m.rest, p...)
	for {
		line, rest, ok := bytes.Cut(m.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		m.line(string(line))
		m.rest = rest
	}
}

// flush takes a last line that was not ended.
func (m *messages) flush() {
	if len(m.rest) > 0 {
		m.line(string(m.rest))
		m.rest = nil
	}
}

// line sorts one line. "pg_dump: error: …", "pg_dump: warning: …" and, under
// either, "pg_dump: detail: …" and "pg_dump: hint: …"; "pg_dump: reading tables"
// is talk. What carries no such mark continues what was before, or else is not
// pg_dump's own (a wrapper, the loader, docker) and worth reading.
func (m *messages) line(line string) {
	text, own := strings.CutPrefix(strings.TrimRight(line, "\r"), m.program+": ")
	switch {
	case strings.TrimSpace(text) == "":
	case own && strings.HasPrefix(text, "error: "), own && strings.HasPrefix(text, "fatal: "):
		_, text, _ = strings.Cut(text, ": ")
		m.keep(&m.errors, text)
	case own && strings.HasPrefix(text, "warning: "):
		m.keep(&m.warnings, strings.TrimPrefix(text, "warning: "))
	case own && (strings.HasPrefix(text, "detail: ") || strings.HasPrefix(text, "hint: ")):
		if m.last != nil {
			m.keep(m.last, text)
		}
	case own:
		m.last = nil
		m.mu.Lock()
		m.doing = strings.TrimPrefix(text, "dumping contents of table ")
		m.mu.Unlock()
	case m.last != nil:
		m.keep(m.last, text)
	default:
		m.keep(&m.warnings, text)
	}
}

func (m *messages) keep(list *[]string, text string) {
	m.last = list
	if len(*list) < messagesKept {
		*list = append(*list, text)
	}
}

// current is what the program says it is doing, e.g. a table's name.
func (m *messages) current() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.doing
}
