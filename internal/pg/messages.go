package pg

import (
	"bytes"
	"strings"
	"sync"
)

// messagesKept bounds what is remembered of a program that will not stop complaining.
const messagesKept = 50

// Messages reads a client program's stderr line by line and tells warnings and
// errors from talk. It is an io.Writer for one writer; Warnings and Errors are
// to be read when the program has ended and Flush was called, Current at any time.
type Messages struct {
	program  string
	warnings []string
	errors   []string

	rest []byte
	// last is where a line belongs that continues the one before.
	last *[]string

	mu    sync.Mutex
	doing string
}

// NewMessages reads what the program of that name, e.g. "pg_dump", writes to stderr.
func NewMessages(program string) *Messages { return &Messages{program: program} }

// Warnings are what the program warned of, and what was not its own.
func (m *Messages) Warnings() []string { return m.warnings }

// Errors are what the program called an error.
func (m *Messages) Errors() []string { return m.errors }

// Write takes stderr.
func (m *Messages) Write(p []byte) (int, error) {
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

// Flush takes a last line that was not ended.
func (m *Messages) Flush() {
	if len(m.rest) > 0 {
		m.line(string(m.rest))
		m.rest = nil
	}
}

// line sorts one line. "pg_dump: error: …", "pg_dump: warning: …" and, under
// either, "pg_dump: detail: …" and "pg_dump: hint: …"; "pg_dump: reading tables"
// is talk. What carries no such mark continues what was before, or else is not
// pg_dump's own (a wrapper, the loader, docker) and worth reading.
func (m *Messages) line(line string) {
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

func (m *Messages) keep(list *[]string, text string) {
	m.last = list
	if len(*list) < messagesKept {
		*list = append(*list, text)
	}
}

// Current is what the program says it is doing, e.g. a table's name.
func (m *Messages) Current() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.doing
}
